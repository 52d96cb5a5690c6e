/** How a task ended, with the hosts that it was not allowed to reach. */

import { element, icon } from "../dom.js";
import { age } from "../format.js";
import { FAILURE, STATUS } from "../words.js";
import { BlockedRow } from "./blocked.js";
import { cost } from "./entries.js";

export class EndingEntry {
    #rows;

    constructor(entry, hosts) {
        this.#rows = entry.blocked.map((host) => new BlockedRow(host, hosts));
        this.node = element("div", { class: "entry ending", "data-status": entry.status }, ...told(entry));
        this.node.append(...this.#rows.map(({ node }) => node));
    }

    redraw() {
        this.#rows.forEach((row) => row.redraw());
    }
}

function told({ status, reason, failureReason, usage, time }) {
    const title = FAILURE[failureReason] ?? STATUS[status];
    const why = reason && reason !== "stopped";
    return [
        element("p", { class: "title" }, icon(status === "completed" ? "check" : "cross"), title),
        why && element("p", { class: "why" }, reason),
        element("p", { class: "faint" }, [cost(usage), age(time)].filter(Boolean).join(" · ")),
    ].filter(Boolean);
}
