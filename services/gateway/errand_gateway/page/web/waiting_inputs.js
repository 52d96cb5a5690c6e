/** What the person wrote and Claude has not read yet, as far as the task's events tell. */

import { isCut } from "./summary.js";

export class WaitingInputs {
    /** By id, oldest first; those that are `gone` are not shown, but an event may still speak of them. */
    #inputs = new Map();
    #shown = [];

    /** Oldest first; one that changes is another object, and so is the list. */
    get all() {
        return this.#shown;
    }

    /** One was added. */
    add(inputId, { summary, kind }) {
        this.#set({ inputId, text: summary, cut: isCut(summary), kind, gone: false });
    }

    /** One was changed; false where it is none of those that were added. */
    change(inputId, { change, summary, kind }) {
        const known = this.#inputs.get(inputId);
        if (known) {
            const gone = change === "removed";
            const text = gone ? {} : { text: summary, cut: isCut(summary) };
            this.#set({ ...known, ...text, kind, gone });
        }
        return Boolean(known);
    }

    /** A message carries one; gives it, or undefined where it is not known. */
    take(inputId) {
        const taken = this.#inputs.get(inputId);
        this.#inputs.delete(inputId);
        this.#show();
        return taken;
    }

    /** The server told how one stands, whole. */
    learn({ input_id: inputId, text, kind, removed, taken }) {
        const known = this.#inputs.get(inputId);
        if (known) {
            this.#set({ ...known, text, cut: false, kind, gone: removed || taken });
        }
    }

    /** The server told all that wait; `asked` is `all` as it was when it was asked. */
    settle(found, asked) {
        const ids = new Set(found.map(({ input_id: inputId }) => inputId));
        for (const { inputId } of asked) {
            const known = this.#inputs.get(inputId);
            if (known && !ids.has(inputId)) {
                this.#set({ ...known, gone: true });
            }
        }
        found.forEach((input) => this.learn(input));
    }

    #set(input) {
        this.#inputs.set(input.inputId, input);
        this.#show();
    }

    #show() {
        this.#shown = Array.from(this.#inputs.values()).filter(({ gone }) => !gone);
    }
}
