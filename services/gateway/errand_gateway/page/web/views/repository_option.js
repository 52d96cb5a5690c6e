/** A repository that can be chosen, or why it cannot. */

import { element, icon, unseen } from "../dom.js";

export class RepositoryOption {
    #usable;
    #onChosen;

    constructor({ name, note, locked, usable }, { id, selected, onChosen }) {
        this.#usable = usable;
        this.#onChosen = onChosen;
        const sign = locked ? [icon("lock"), unseen("private ")] : [];
        const state = { "aria-selected": String(selected), "aria-disabled": usable ? null : "true" };
        this.node = element(
            "li",
            { id, role: "option", class: "option", ...state, onclick: () => this.choose() },
            element("span", { class: "name" }, name),
            ...sign,
            note && element("span", { class: "faint" }, note),
        );
    }

    /** Take it, where it can be taken. */
    choose() {
        if (this.#usable) {
            this.#onChosen();
        }
    }
}
