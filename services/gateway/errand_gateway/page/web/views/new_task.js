/** A new task: where, and what. */

import { button, element } from "../dom.js";
import { Draft } from "../draft.js";
import { wordsOf } from "../problem.js";
import { projectAddress, TASKS, taskAddress } from "../route.js";
import { AllowanceFields, FOR_TASK, NOTHING_TYPED } from "./allowance_fields.js";
import { bar, heading } from "./bar.js";
import { grow } from "./grow.js";
import { ModelFields, OF_PROJECT } from "./model_fields.js";
import { RepositoryPicker } from "./repository_picker.js";

const NO_CHOICE = { model: "", effort: "", thinking_display: "", fallback_model: "" };

export class NewTaskView {
    title = "New task";
    #app;
    #draft = new Draft("new", { repository: "", prompt: "", ...NO_CHOICE, ...NOTHING_TYPED });
    #prompt = element("textarea", { id: "prompt", rows: "6", autocomplete: "off" });
    #model = new ModelFields(() => this.#changed(this.#model.value), OF_PROJECT);
    #allowance = new AllowanceFields(() => this.#changed(this.#allowance.typed), FOR_TASK);
    #error = element("p", { class: "notice bad", role: "alert", hidden: true });
    #settings = element("a", { class: "button plain wide", hidden: true }, "Project settings");
    #send = element("button", { type: "submit", class: "primary wide" }, "Send");
    #sending = false;

    constructor(app) {
        this.#app = app;
        const { repository, prompt } = this.#draft.fields;
        const picker = new RepositoryPicker(app, {
            chosen: repository,
            onChosen: (name) => this.#changed({ repository: name }),
            onRead: () => this.#allow(),
        });
        this.#prompt.value = prompt;
        this.#prompt.placeholder = "What should be done?";
        this.#prompt.addEventListener("input", () => this.#changed({ prompt: this.#prompt.value }));
        this.#prompt.addEventListener("keydown", (event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
                form.requestSubmit();
            }
        });
        const label = element("label", { for: "prompt" }, "Prompt");
        this.#model.show(this.#choice);
        this.#allowance.type(this.#draft.fields);
        const chosen = Object.values(this.#choice).some(Boolean);
        const model = element("details", { class: "more", open: chosen }, element("summary", {}, "Model"), this.#model.node);
        const fields = element("main", { class: "fields" }, picker.node, label, this.#prompt, model, this.#allowance.node);
        const foot = element("footer", { class: "foot" }, this.#error, this.#settings, this.#send);
        const form = element("form", { class: "view", novalidate: true }, this.#bar(), fields, foot);
        form.addEventListener("submit", (event) => {
            event.preventDefault();
            this.#submit();
        });
        this.node = form;
        grow(this.#prompt);
        this.#allow();
    }

    close() {}

    #bar() {
        return bar({ title: heading("New task"), back: TASKS });
    }

    /** The model of this task alone. */
    get #choice() {
        const { model, effort, thinking_display, fallback_model } = this.#draft.fields;
        return { model, effort, thinking_display, fallback_model };
    }

    #changed(fields) {
        this.#draft.change(fields);
        this.#allow();
    }

    #allow() {
        const { repository, prompt } = this.#draft.fields;
        this.#send.disabled = this.#sending || !repository || !prompt.trim();
        const project = this.#app.repositories.projectOf(repository);
        this.#settings.hidden = !project;
        if (project) {
            this.#settings.href = projectAddress(project.project_id);
        }
    }

    async #submit() {
        if (this.#sending || this.#send.disabled) {
            return;
        }
        if (this.#allowance.error) {
            this.#fail(this.#allowance.error);
            return;
        }
        this.#busy(true);
        const { repository, prompt } = this.#draft.fields;
        try {
            const project = await this.#app.addProject(repository);
            const chosen = Object.values(this.#choice).some(Boolean);
            const body = {
                project_id: project.project_id,
                prompt,
                ...(chosen && { model_choice: this.#choice }),
                ...(this.#allowance.isTyped && { allowance: this.#allowance.value }),
            };
            const { task } = await this.#app.api.post("/v1/tasks", body, this.#draft.key);
            this.#draft.accepted();
            if (this.#app.isShown(this)) {
                location.replace(taskAddress(task.task_id));
            }
        } catch (error) {
            this.#fail(wordsOf(error));
        } finally {
            this.#busy(false);
        }
    }

    #fail(words) {
        this.#error.textContent = words;
        this.#error.hidden = false;
    }

    #busy(busy) {
        this.#sending = busy;
        this.#error.hidden = this.#error.hidden || busy;
        this.#send.textContent = busy ? "Sending…" : "Send";
        this.#allow();
    }
}
