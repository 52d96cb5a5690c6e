/** Why a task waits for a runner, and what each of them lacks: read when somebody wants to know. */

import { element } from "../dom.js";
import { counted } from "../format.js";
import { linked } from "../linked.js";
import { wordsOf } from "../problem.js";

export class Pending {
    #read;
    #onTold;
    #reason = "";
    #told = element("div", { class: "told", role: "status" });
    node = element("details", { class: "obstacles", hidden: true }, element("summary", {}, "Why?"), this.#told);

    /** `read` gives the answer to GET pending, and raises Problem; `onTold` is called when it is told. */
    constructor({ read, onTold }) {
        this.#read = read;
        this.#onTold = onTold;
        this.node.addEventListener("toggle", () => this.node.open && this.#explain());
    }

    /** Draw it for a task that stands so. */
    draw(status, reason) {
        const waits = status === "pending";
        const isNews = waits && reason !== this.#reason;
        this.#reason = reason;
        this.node.hidden = !waits;
        this.node.open &&= waits;
        if (isNews && this.node.open) {
            this.#explain();
        }
    }

    async #explain() {
        try {
            this.#told.replaceChildren(...explained(await this.#read()));
        } catch (error) {
            this.#told.replaceChildren(element("p", {}, wordsOf(error)));
        }
        this.#onTold();
    }
}

function explained({ reason, runners, ahead }) {
    const sentence = reason.slice(0, 1).toUpperCase() + reason.slice(1);
    return [
        element("p", {}, ...linked(`${sentence}.`)),
        ahead > 0 && element("p", {}, `${counted(ahead, "task")} of yours before it.`),
        element("dl", {}, ...runners.flatMap(lack)),
    ].filter(Boolean);
}

function lack({ runner, reason }) {
    return [element("dt", {}, runner), element("dd", {}, reason || "could take it")];
}
