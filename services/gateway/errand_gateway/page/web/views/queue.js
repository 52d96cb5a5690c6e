/** What the person wrote and Claude has not read: it can be changed, said now, or taken back. */

import { element } from "../dom.js";
import { wordsOf } from "../problem.js";
import { QueuedInput } from "./queued_input.js";

const TAKEN = "INPUT_TAKEN";

export class Queue {
    #inputs;
    #waiting = null;
    #onChanged;
    #onLate;
    #rows = new Map();
    #running = false;
    #list = element("ul", { class: "queue", "aria-label": "Not read by Claude yet", tabindex: "-1", hidden: true });
    #told = element("p", { class: "notice", role: "alert", hidden: true });
    node = element("div", { class: "queued" }, this.#told, this.#list);

    /** `onChanged` is called when more is known; `onLate` gets words that came too late for a change. */
    constructor({ inputs, onChanged, onLate }) {
        this.#inputs = inputs;
        this.#onChanged = onChanged;
        this.#onLate = onLate;
    }

    /** Draw what waits, while the task runs or not. */
    draw(waiting, running) {
        this.#waiting = waiting;
        this.#running = running;
        const ids = new Set(waiting.all.map(({ inputId }) => inputId));
        for (const [inputId, row] of this.#rows) {
            if (!ids.has(inputId)) {
                this.#drop(inputId, row);
            }
        }
        for (const input of waiting.all) {
            this.#row(input.inputId).draw(input, running);
        }
        this.#list.hidden = waiting.all.length === 0;
        this.#settle();
    }

    /** What was told was seen. */
    hush() {
        this.#told.hidden = true;
        this.#settle();
    }

    #row(inputId) {
        if (!this.#rows.has(inputId)) {
            const row = new QueuedInput({
                whole: () => this.#whole(inputId),
                edit: (text) => this.#change(() => this.#inputs.edit(inputId, text), text),
                promote: () => this.#change(() => this.#inputs.promote(inputId)),
                remove: () => this.#change(() => this.#inputs.remove(inputId)),
            });
            this.#rows.set(inputId, row);
            this.#list.append(row.node);
        }
        return this.#rows.get(inputId);
    }

    #drop(inputId, row) {
        const hadFocus = row.node.contains(document.activeElement);
        this.#rows.delete(inputId);
        row.node.remove();
        if (row.changed) {
            this.#late(row.changed);
        }
        if (hadFocus && this.#rows.size) {
            this.#list.focus({ preventScroll: true });
        }
    }

    /** The whole text of one; empty where it does not wait any more. Raises Problem. */
    async #whole(inputId) {
        if (this.#find(inputId)?.cut) {
            await this.#readAnew();
        }
        return this.#find(inputId)?.text ?? "";
    }

    #find(inputId) {
        return this.#waiting.all.find((input) => input.inputId === inputId);
    }

    /** Ask for a change; `text` is what would be lost if it is too late. Whether the row is done with: it was made, or came
     * too late. */
    async #change(ask, text = "") {
        this.hush();
        try {
            this.#waiting.learn(await ask());
            this.#onChanged();
            return true;
        } catch (error) {
            if (error.reason === TAKEN) {
                await this.#tooLate(text);
                return true;
            }
            this.#tell(wordsOf(error));
            return false;
        }
    }

    async #tooLate(text) {
        this.#late(text);
        try {
            await this.#readAnew();
        } catch (error) {
            this.#tell(wordsOf(error));
        }
    }

    #late(text) {
        const then = text ? " What you wrote instead is in the box below: send it as new words." : "";
        this.#tell(`Claude has read this already, so it can no longer be changed.${then}`);
        if (text) {
            this.#onLate(text);
        }
    }

    async #readAnew() {
        const asked = this.#waiting.all;
        this.#waiting.settle(await this.#inputs.waiting(), asked);
        this.#onChanged();
    }

    #tell(words) {
        this.#told.textContent = words;
        this.#told.hidden = false;
        this.#settle();
    }

    /** Where there is nothing to show it takes no room. */
    #settle() {
        this.node.hidden = this.#list.hidden && this.#told.hidden;
    }
}
