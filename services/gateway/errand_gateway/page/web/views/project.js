/** A project's settings: model, allowance, image, setup script, check and network of its tasks, what else they fetch, drafts, secrets. */

import { AS_TYPED, element } from "../dom.js";
import { newKey } from "../draft.js";
import { wordsOf } from "../problem.js";
import { ProjectSecrets } from "../project_secrets.js";
import { TASKS } from "../route.js";
import { AllowanceFields, FOR_PROJECT } from "./allowance_fields.js";
import { bar, heading } from "./bar.js";
import { CheckFields } from "./check_fields.js";
import { DraftField } from "./draft_field.js";
import { grow } from "./grow.js";
import { ModelFields } from "./model_fields.js";
import { NetworkFields } from "./network_fields.js";
import { SecretsView } from "./secrets.js";

const IMAGE =
    "The container image in which Claude works, such as node:22. It needs sh, bash, git and python3 (3.8 or newer); " +
    "where it is not on the host, the host pulls it. Empty: the host's own image.";
const SCRIPT =
    "Run by bash in the repository, once it is cloned and before Claude begins; again when it was changed. It reaches " +
    "the same hosts. The first command that fails ends it, and the task says what it printed. Empty: nothing is run.";
const READ =
    "Further repositories of the same git host, one a line, such as octocat/library. Tasks can fetch them and never " +
    "push there.";
const WHEN = "Tasks go by it the next time they start or are sent on; by the network, at once; by model and allowance, new tasks alone.";

export class ProjectView {
    title = "Project settings";
    #app;
    #projectId;
    #known = null;
    #heading = heading("Project settings");
    #image = element("input", {
        id: "image",
        type: "text",
        maxlength: "255",
        ...AS_TYPED,
        placeholder: "the host's own",
        "aria-describedby": "image-hint",
    });
    #script = element("textarea", {
        id: "setup-script",
        class: "code",
        rows: "6",
        ...AS_TYPED,
        placeholder: "npm ci",
        "aria-describedby": "setup-script-hint",
    });
    #draft = new DraftField(() => this.#typed());
    #model = new ModelFields(() => this.#typed());
    #check = new CheckFields(() => this.#typed());
    #allowance = new AllowanceFields(() => this.#typed(), FOR_PROJECT);
    #network = new NetworkFields(() => this.#typed());
    #read = element("textarea", {
        id: "read-repositories",
        class: "code",
        rows: "2",
        ...AS_TYPED,
        placeholder: "octocat/library",
        "aria-describedby": "read-repositories-hint",
    });
    #told = element("p", { class: "hint", role: "status" });
    #error = element("p", { class: "notice bad", role: "alert", hidden: true });
    #save = element("button", { type: "submit", class: "primary wide" }, "Save");
    #saving = false;

    constructor(app, projectId) {
        this.#app = app;
        this.#projectId = projectId;
        this.node = this.#build();
        for (const field of [this.#image, this.#script, this.#read]) {
            field.disabled = true;
            field.addEventListener("input", () => this.#typed());
        }
        this.#allow();
        this.#open();
    }

    close() {}

    #build() {
        const fields = element(
            "main",
            { class: "fields" },
            this.#model.node,
            this.#allowance.node,
            element("label", { for: "image" }, "Image"),
            this.#image,
            element("p", { id: "image-hint", class: "hint" }, IMAGE),
            element("label", { for: "setup-script" }, "Setup script"),
            this.#script,
            element("p", { id: "setup-script-hint", class: "hint" }, SCRIPT),
            this.#check.node,
            element("label", { for: "read-repositories" }, "Other repositories to read"),
            this.#read,
            element("p", { id: "read-repositories-hint", class: "hint" }, READ),
            this.#draft.node,
            this.#network.node,
            new SecretsView(new ProjectSecrets(this.#app.api, this.#projectId)).node,
        );
        const foot = element("footer", { class: "foot" }, this.#error, this.#told, this.#save);
        const head = bar({ title: this.#heading, back: TASKS });
        const form = element("form", { class: "view", novalidate: true }, head, fields, foot);
        form.addEventListener("submit", (event) => {
            event.preventDefault();
            this.#submit();
        });
        return form;
    }

    async #open() {
        try {
            const [project, presets] = await Promise.all([
                this.#app.repositories.readProject(this.#projectId),
                this.#app.repositories.presets(),
            ]);
            if (!project) {
                this.#fail("There is no such project of yours; go back and choose another.");
                return;
            }
            this.#model.show(project.model_choice);
            this.#allowance.show(project.allowance);
            this.#draft.show(project.draft_pull_requests);
            this.#check.show(project.check);
            this.#network.show(project.egress, presets);
            this.#image.value = project.image;
            this.#script.value = project.setup_script;
            this.#take(project);
            this.#read.value = project.read_repositories.join("\n");
            for (const field of [this.#image, this.#script, this.#read]) {
                field.disabled = false;
            }
            grow(this.#script);
            grow(this.#read);
        } catch (error) {
            this.#fail(error);
        }
    }

    #take(project) {
        this.#known = project;
        this.#heading.textContent = project.repository;
        this.#allow();
    }

    #typed() {
        this.#told.textContent = "";
        this.#allow();
    }

    /** What was changed, and nothing else: another tab may have changed the rest. */
    #changes() {
        const typed = {
            image: this.#image.value.trim(),
            setup_script: this.#script.value,
            read_repositories: this.#read.value.split(/[\s,]+/).filter(Boolean),
            draft_pull_requests: this.#draft.value,
        };
        const text = JSON.stringify;
        const changed = Object.entries(typed).filter(([name, value]) => text(this.#known[name]) !== text(value));
        if (this.#network.differsFrom(this.#known.egress)) {
            changed.push(["egress", this.#network.value]);
        }
        if (this.#model.differsFrom(this.#known.model_choice)) {
            changed.push(["model_choice", this.#model.value]);
        }
        if (this.#allowance.differsFrom(this.#known.allowance)) {
            changed.push(["allowance", this.#allowance.value]);
        }
        if (this.#check.differsFrom(this.#known.check)) {
            changed.push(["check", this.#check.value]);
        }
        return Object.fromEntries(changed);
    }

    #allow() {
        this.#save.disabled = this.#saving || !this.#known || !Object.keys(this.#changes()).length;
    }

    async #submit() {
        if (this.#save.disabled) {
            return;
        }
        if (this.#allowance.error) {
            this.#fail(this.#allowance.error);
            return;
        }
        this.#saving = true;
        this.#error.hidden = true;
        this.#allow();
        try {
            this.#take(await this.#app.repositories.update(this.#projectId, this.#changes(), newKey()));
            this.#told.textContent = `Saved. ${WHEN}`;
        } catch (error) {
            this.#fail(error);
        } finally {
            this.#saving = false;
            this.#allow();
        }
    }

    #fail(error) {
        this.#error.textContent = typeof error === "string" ? error : wordsOf(error);
        this.#error.hidden = false;
    }
}
