/** What a person wrote: the prompt, and what was added later. */

import { button, element } from "../dom.js";
import { wordsOf } from "../problem.js";
import { masked } from "../shapes.js";

const LONG_CHARACTERS = 1200;

export class WrittenEntry {
    #entry;
    #whole;
    #open = false;

    constructor(entry, whole) {
        this.#entry = entry;
        this.#whole = whole;
        this.node = element("article", { class: "entry written", "aria-label": "You" });
        this.redraw();
    }

    redraw() {
        const { cut } = this.#entry;
        const text = masked(this.#entry.text);
        const folds = text.length > LONG_CHARACTERS && !this.#open;
        const shown = folds ? `${text.slice(0, LONG_CHARACTERS)}…` : text;
        this.node.replaceChildren(
            ...[
                element("p", { class: "text" }, shown),
                (folds || (cut && this.#entry.messageId)) && this.#more(),
                this.#mark() && element("p", { class: "mark" }, this.#mark()),
            ].filter(Boolean),
        );
    }

    #more() {
        return button("Show all", { class: "plain", onclick: () => this.#showAll() });
    }

    #mark() {
        return this.#entry.sentAs === "steer" ? "Steered" : "";
    }

    async #showAll() {
        this.#open = true;
        if (this.#entry.cut) {
            try {
                const text = await this.#whole.written(this.#entry.messageId, this.#entry.text);
                Object.assign(this.#entry, { text: text ?? this.#entry.text, cut: false });
            } catch (error) {
                this.node.append(element("p", { class: "hint", role: "alert" }, wordsOf(error)));
                return;
            }
        }
        this.redraw();
    }
}
