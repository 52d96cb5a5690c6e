/** The secrets of a project: which there are and who gets them, one removed, one set. */

import { AS_TYPED, button, element } from "../dom.js";
import { newKey } from "../draft.js";
import { wordsOf } from "../problem.js";

const WHAT =
    "Environment variables of the project's tasks. A value is kept sealed, is never shown again, and is masked in all " +
    "that a task shows. Tasks get it the next time they start or are sent on.";
const SETUP = "the setup script alone";
const AGENT = "the setup script, and the agent may read it";
const MARK = "The agent may read it";
const MARKED =
    "Marked, it is in every command that Claude runs: Claude can use it, read it, and pass it on to wherever the " +
    "project's network reaches. Not marked, the setup script alone gets it, with what it runs out of the " +
    "repository; what the script writes into a file, Claude can read there.";

export class SecretsView {
    #secrets;
    #list = element("ul", { class: "secrets", "aria-label": "Secrets" });
    #name = element("input", { id: "secret-name", type: "text", placeholder: "NPM_TOKEN", ...AS_TYPED });
    #value = element("textarea", { id: "secret-value", class: "code veiled", rows: "2", ...AS_TYPED });
    #mark = element("input", { id: "secret-mark", type: "checkbox", "aria-describedby": "secret-mark-hint" });
    #set = button("Set secret", { onclick: () => this.#submit() });
    #told = element("p", { class: "hint", role: "status" });
    #error = element("p", { class: "notice bad", role: "alert", hidden: true });
    #busy = false;
    #key = newKey();

    constructor(secrets) {
        this.#secrets = secrets;
        this.node = this.#build();
        for (const field of [this.#name, this.#value, this.#mark]) {
            // Another thing to be set is another request.
            field.addEventListener("input", () => {
                this.#key = newKey();
                this.#allow();
            });
        }
        this.#allow();
        this.#read();
    }

    #build() {
        return element(
            "section",
            { class: "secrets-of-project", "aria-labelledby": "secrets-title" },
            element("h2", { id: "secrets-title" }, "Secrets"),
            element("p", { class: "hint" }, WHAT),
            this.#list,
            element("label", { for: "secret-name" }, "Name"),
            this.#name,
            element("label", { for: "secret-value" }, "Value"),
            this.#value,
            element("label", { class: "choice", for: "secret-mark" }, this.#mark, MARK),
            element("p", { id: "secret-mark-hint", class: "hint" }, MARKED),
            this.#error,
            this.#told,
            this.#set,
        );
    }

    async #read() {
        try {
            const found = await this.#secrets.read();
            this.#list.replaceChildren(...found.map((secret) => this.#row(secret)));
        } catch (error) {
            this.#fail(error);
        }
    }

    #row({ name, agent_may_read: mayRead }) {
        const remove = button("Remove", { "aria-label": `Remove ${name}`, onclick: () => this.#remove(name) });
        const whose = element("span", { class: "hint" }, mayRead ? AGENT : SETUP);
        return element("li", {}, element("span", { class: "name" }, element("code", {}, name), whose), remove);
    }

    #allow() {
        this.#set.disabled = this.#busy || !this.#name.value.trim() || !this.#value.value;
    }

    #submit() {
        const name = this.#name.value.trim();
        this.#do(`${name} is set.`, async () => {
            await this.#secrets.set(name, { value: this.#value.value, mayRead: this.#mark.checked }, this.#key);
            this.#name.value = this.#value.value = "";
            this.#mark.checked = false;
            this.#key = newKey();
        });
    }

    #remove(name) {
        this.#do(`${name} is removed.`, () => this.#secrets.remove(name));
    }

    async #do(done, work) {
        if (this.#busy) {
            return;
        }
        this.#busy = true;
        this.#error.hidden = true;
        this.#told.textContent = "";
        this.#allow();
        try {
            await work();
            this.#told.textContent = done;
            await this.#read();
        } catch (error) {
            this.#fail(error);
        } finally {
            this.#busy = false;
            this.#allow();
        }
    }

    #fail(error) {
        this.#error.textContent = wordsOf(error);
        this.#error.hidden = false;
    }
}
