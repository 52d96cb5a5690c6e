/** What Claude said, while it comes and after. */

import { button, element } from "../dom.js";
import { blocksOf } from "../markdown.js";
import { wordsOf } from "../problem.js";
import { masked } from "../shapes.js";

export class SaidEntry {
    #entry;
    #whole;
    #thoughts = element("div", { class: "thoughts" });
    #label = element("summary", {});
    #thought = element("details", { class: "thought" }, this.#label, this.#thoughts);
    #said = element("div", { class: "prose" });
    #hint = element("p", { class: "hint", role: "alert", hidden: true });
    #broken = element("p", { class: "hint" }, "Broken off here: Claude does not remember this.");
    /** Whether the person opened or closed the thoughts: then they stay so. */
    #touched = false;
    /** Whether the message is read whole, or about to be. */
    #isRead = false;

    constructor(entry, whole) {
        this.#entry = entry;
        this.#whole = whole;
        this.#label.addEventListener("click", () => {
            this.#touched = true;
        });
        this.node = element("article", { class: "entry words", "aria-label": "Claude" });
        this.node.append(this.#said, this.#hint);
        this.redraw();
    }

    redraw() {
        const { text, thoughts, live, cut, brokenOff } = this.#entry;
        this.node.hidden = !text && !thoughts && this.#hint.hidden;
        this.node.classList.toggle("live", live);
        this.#said.replaceChildren(...blocksOf(masked(text)));
        if (brokenOff) {
            this.#said.after(this.#broken);
        }
        this.#drawThoughts();
        // Of what was broken off there is no message to be read.
        if (!live && !brokenOff && !this.#isRead && (cut || (this.#whole.wantsThoughts && !this.#hasThoughts()))) {
            this.#isRead = true;
            this.#readWhenSeen();
        }
    }

    #drawThoughts() {
        const { text, thoughts, live } = this.#entry;
        const thinking = live && !text;
        if (!thoughts) {
            this.#thought.remove();
            return;
        }
        if (!this.#thought.parentNode) {
            this.node.prepend(this.#thought);
        }
        this.#label.textContent = thinking ? "Thinking…" : "Thoughts";
        this.#thoughts.textContent = masked(thoughts);
        if (!this.#touched) {
            this.#thought.open = thinking || this.#whole.wantsThoughts;
        }
        if (thinking) {
            this.#thoughts.scrollTop = this.#thoughts.scrollHeight;
        }
    }

    /** Whether they were heard live, without a hole. */
    #hasThoughts() {
        const { thoughts, heard } = this.#entry;
        return Boolean(thoughts) && !heard?.thoughts?.holed;
    }

    #readWhenSeen() {
        if (this.node.hidden) {
            this.#read();
        } else {
            this.#whole.whenSeen(this.node, () => this.#read());
        }
    }

    async #read() {
        this.#hint.hidden = true;
        try {
            const { words, thoughts } = await this.#whole.message(this.#entry.key);
            Object.assign(this.#entry, {
                text: words || this.#entry.text,
                thoughts: thoughts || this.#entry.thoughts,
                cut: false,
            });
        } catch (error) {
            const again = button("Try again", { class: "plain", onclick: () => this.#read() });
            this.#hint.replaceChildren(`The rest could not be read: ${wordsOf(error)}`, again);
            this.#hint.hidden = false;
        }
        this.redraw();
    }
}
