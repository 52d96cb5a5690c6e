/** How a task ended: the card of what it came to, with the hosts that it was not allowed to reach. */

import { element, icon } from "../dom.js";
import { age } from "../format.js";
import { linked } from "../linked.js";
import { FAILURE, STATUS } from "../words.js";
import { BlockedRow } from "./blocked.js";
import { finish } from "./card.js";
import { cost } from "./entries.js";

export class EndingEntry {
    #rows;

    constructor(entry, hosts) {
        this.#rows = entry.blocked.map((host) => new BlockedRow(host, hosts));
        const told = entry.card ? finish(entry.card) : used(entry);
        const named = { "data-status": entry.status, "data-check": entry.card?.check.outcome };
        this.node = element("div", { class: "entry ending", ...named }, ...title(entry), ...told);
        this.node.append(...this.#rows.map(({ node }) => node));
    }

    redraw() {
        this.#rows.forEach((row) => row.redraw());
    }
}

function title({ status, reason, failureReason, card }) {
    const words = FAILURE[failureReason] ?? STATUS[status];
    const why = reason && reason !== "stopped";
    const fails = card?.check.outcome === "failed";
    const mark = icon(status === "completed" && !fails ? "check" : "cross");
    return [
        element("p", { class: "title" }, mark, fails ? `${words}, but the check failed` : words),
        why && element("p", { class: "why" }, ...linked(reason)),
    ].filter(Boolean);
}

function used({ usage, time }) {
    return [element("p", { class: "faint" }, [cost(usage), age(time)].filter(Boolean).join(" · "))];
}
