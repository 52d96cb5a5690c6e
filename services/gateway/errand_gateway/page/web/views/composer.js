/** The box at the foot of a task: steer it, add to it, or send it on. */

import { button, element } from "../dom.js";
import { Draft } from "../draft.js";
import { wordsOf } from "../problem.js";
import { isFinal } from "../story.js";
import { grow } from "./grow.js";

const WORDS = {
    running: "Tell Claude something",
    final: "What should happen next?",
    other: "Add something",
};

export class Composer {
    #api;
    #path;
    #onWritten;
    #draft;
    #text = element("textarea", { id: "words", rows: "1", enterkeyhint: "enter", autocomplete: "off" });
    #label = element("label", { class: "unseen", for: "words" });
    #error = element("p", { class: "notice bad", role: "alert", hidden: true });
    #steer = button("Steer now", { class: "primary", onclick: () => this.#send("steer") });
    #queue = button("After this turn", { onclick: () => this.#send("queue") });
    #sending = false;
    #status = "";

    /** `onWritten` gets the input and the task after it. */
    constructor({ api, taskId, onWritten }) {
        this.#api = api;
        this.#path = `/v1/tasks/${encodeURIComponent(taskId)}/inputs`;
        this.#onWritten = onWritten;
        this.#draft = new Draft(taskId, { text: "", kind: "queue" });
        this.#text.value = this.#draft.fields.text;
        this.#text.addEventListener("input", () => this.#typed());
        this.#text.addEventListener("keydown", (event) => this.#keyed(event));
        const actions = element("div", { class: "actions" }, this.#queue, this.#steer);
        this.node = element("div", { class: "composer" }, this.#error, this.#label, this.#text, actions);
        grow(this.#text);
        this.#allow();
    }

    /** The task's status is this now. */
    stands(status) {
        if (status === this.#status) {
            return;
        }
        this.#status = status;
        const running = status === "running";
        const words = running ? WORDS.running : isFinal(status) ? WORDS.final : WORDS.other;
        this.#label.textContent = words;
        this.#text.placeholder = words;
        this.#steer.hidden = !running;
        this.#queue.textContent = running ? "After this turn" : "Send";
        this.#queue.classList.toggle("primary", !running);
        this.#allow();
    }

    #allow() {
        const cannot = this.#sending || !this.#status || !this.#text.value.trim();
        this.#steer.disabled = cannot;
        this.#queue.disabled = cannot;
    }

    #typed() {
        this.#draft.change({ text: this.#text.value });
        this.#allow();
    }

    #keyed(event) {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            this.#send(this.#status === "running" ? "steer" : "queue");
        }
    }

    async #send(kind) {
        this.#draft.change({ text: this.#text.value, kind });
        if (this.#sending || !this.#text.value.trim()) {
            return;
        }
        this.#busy(true);
        const { text } = this.#draft.fields;
        try {
            const { input, task } = await this.#api.post(this.#path, { text, kind }, this.#draft.key);
            this.#accepted(text);
            this.#onWritten(input, task);
        } catch (error) {
            this.#error.textContent = wordsOf(error);
            this.#error.hidden = false;
        } finally {
            this.#busy(false);
        }
    }

    #accepted(text) {
        this.#draft.accepted();
        // What was typed meanwhile stays.
        this.#text.value = this.#text.value === text ? "" : this.#text.value;
        this.#draft.change({ text: this.#text.value });
        grow.now(this.#text);
    }

    #busy(busy) {
        this.#sending = busy;
        this.#error.hidden = this.#error.hidden || busy;
        this.#allow();
    }
}
