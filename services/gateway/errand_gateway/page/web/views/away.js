/** Says that the live line is down, once it has been for a moment. */

import { element } from "../dom.js";

const PATIENCE_MS = 1500;

export class Away {
    #timer = 0;
    #words = "";
    node = element("p", { class: "away", role: "status", hidden: true });

    /** The line is "up", or "down" with words that may be empty. */
    tell(state, words = "") {
        if (state === "up") {
            clearTimeout(this.#timer);
            this.#timer = 0;
            this.#words = "";
            this.node.hidden = true;
            return;
        }
        // What the server said last says more than that the line is cut.
        this.#words = words || this.#words || "Connecting again…";
        this.node.textContent = this.#words;
        this.#timer ||= setTimeout(() => {
            this.node.hidden = false;
        }, PATIENCE_MS);
    }

    close() {
        clearTimeout(this.#timer);
    }
}
