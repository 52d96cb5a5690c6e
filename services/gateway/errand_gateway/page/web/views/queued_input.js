/** One thing that waits to be read: its words, or a box to change them in. */

import { button, element, say } from "../dom.js";
import { wordsOf } from "../problem.js";
import { grow } from "./grow.js";

const MARK = {
    answer: () => "Your answer",
    steer: () => "Steers with the next step",
    queue: (running) => (running ? "Queued: after this turn" : "Queued"),
};

export class QueuedInput {
    #acts;
    #before = "";
    #busy = false;
    #words = element("p", { class: "text" });
    #mark = element("p", { class: "mark" });
    #error = element("p", { class: "hint", role: "alert", hidden: true });
    #edit = button("Edit", { class: "plain", onclick: () => this.#open() });
    #promote = button("Say it now", { class: "plain", onclick: () => this.#ask(this.#acts.promote) });
    #remove = button("Take back", { class: "plain", onclick: () => this.#ask(this.#acts.remove) });
    #shown = element("div", {}, this.#words, this.#mark);
    #text = element("textarea", { rows: "1", "aria-label": "Change what is not read yet", autocomplete: "off" });
    #save = button("Save", { class: "primary", onclick: () => this.#store() });
    #cancel = button("Leave it", { onclick: () => this.#close() });
    #box = element("div", { class: "box", hidden: true }, this.#text);

    /** `whole` gives all of its words, `edit` takes others, `promote` and `remove` take none: whether
     * that is done with. */
    constructor({ whole, edit, promote, remove }) {
        this.#acts = { whole, edit, promote, remove };
        this.#shown.append(element("div", { class: "ways" }, this.#edit, this.#promote, this.#remove), this.#error);
        this.#box.append(element("div", { class: "actions" }, this.#cancel, this.#save));
        this.#text.addEventListener("input", () => this.#allow());
        this.#text.addEventListener("keydown", (event) => this.#keyed(event));
        this.node = element("li", {}, this.#shown, this.#box);
        grow(this.#text);
    }

    /** What the person has written in the box and not saved; empty where that is nothing new. */
    get changed() {
        const text = this.#text.value;
        return !this.#box.hidden && !this.#busy && text.trim() && text !== this.#before ? text : "";
    }

    /** It is this now, while its task runs or not. */
    draw({ text, kind }, running) {
        say(this.#words, text);
        say(this.#mark, (MARK[kind] ?? MARK.queue)(running));
        this.#promote.hidden = !running || kind !== "queue";
    }

    async #open() {
        this.#error.hidden = true;
        this.#wait(true);
        try {
            this.#before = await this.#acts.whole();
        } catch (error) {
            this.#error.textContent = wordsOf(error);
            this.#error.hidden = false;
            return;
        } finally {
            this.#wait(false);
        }
        this.#text.value = this.#before;
        this.#show(true);
        grow.now(this.#text);
        this.#text.focus();
    }

    #close() {
        this.#show(false);
        this.#edit.focus();
    }

    #show(editing) {
        this.#box.hidden = !editing;
        this.#shown.hidden = editing;
        this.#allow();
    }

    async #store() {
        if (!this.#save.disabled && (await this.#ask(() => this.#acts.edit(this.#text.value)))) {
            this.#close();
        }
    }

    async #ask(act) {
        this.#wait(true);
        try {
            return await act();
        } finally {
            this.#wait(false);
        }
    }

    #keyed(event) {
        if (event.key === "Escape") {
            this.#close();
        } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            this.#store();
        }
    }

    #wait(busy) {
        this.#busy = busy;
        this.#allow();
    }

    #allow() {
        for (const each of [this.#edit, this.#promote, this.#remove]) {
            each.disabled = this.#busy;
        }
        this.#save.disabled = this.#busy || !this.#text.value.trim();
    }
}
