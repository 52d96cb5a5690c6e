/** What Claude has to do: a list with how far each point is. */

import { element, icon, unseen } from "../dom.js";

const STATE = { pending: "to do", in_progress: "under way", done: "done" };

/** The nodes of a list. */
export function todo({ items }) {
    const done = items.filter(({ state }) => state === "done").length;
    return [
        element("p", { class: "label" }, `To do: ${done} of ${items.length} done`),
        element("ol", {}, ...items.map(point)),
    ];
}

function point({ text, state }) {
    const mark = element("span", { class: "mark", "aria-hidden": "true" }, ...(state === "done" ? [icon("check")] : []));
    const words = element("span", {}, text, unseen(`, ${STATE[state] ?? state}`));
    return element("li", { "data-state": state }, mark, words);
}
