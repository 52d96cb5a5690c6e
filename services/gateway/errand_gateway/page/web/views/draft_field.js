/** Whether a project's pull requests are opened as drafts, as a field of a form. */

import { element } from "../dom.js";

const HINT =
    "A draft asks nobody for a review until you say that it is ready. GitHub has none for some private repositories; " +
    "there an ordinary one is opened, and the task says so.";

export class DraftField {
    #box = element("input", { id: "draft", type: "checkbox", "aria-describedby": "draft-hint", disabled: true });

    /** `onInput` is called when something was changed. */
    constructor(onInput) {
        this.node = element(
            "div",
            {},
            element("label", { class: "choice", for: "draft" }, this.#box, "Open pull requests as drafts"),
            element("p", { id: "draft-hint", class: "hint" }, HINT),
        );
        this.node.addEventListener("input", onInput);
    }

    /** Show what is set. */
    show(draft) {
        this.#box.checked = draft;
        this.#box.disabled = false;
    }

    /** What is set now. */
    get value() {
        return this.#box.checked;
    }
}
