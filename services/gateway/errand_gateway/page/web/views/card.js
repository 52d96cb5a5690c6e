/** The finish card: what a task came to, for whoever decides on it. */

import { element, webLink } from "../dom.js";
import { count, duration, money } from "../format.js";
import { changes } from "./entries.js";
import { judged } from "./judged.js";

/** The rows of a card. */
export function finish(card) {
    return [
        card.result && element("p", { class: "result" }, card.result),
        element("dl", { class: "finish" }, ...facts(card).flatMap(described)),
        tail(card.check),
    ].filter(Boolean);
}

function facts({ check, diff_stat: diffStat, branch, commit, pull_request_url: pull, usage, ...card }) {
    return [
        ["Check", element("span", { class: "check", "data-outcome": check.outcome }, judged(check))],
        ["Changes", diffStat && commit ? changes(diffStat) : "none"],
        commit && ["Branch", element("code", {}, branch), " at ", element("code", {}, commit.slice(0, 10))],
        pull && ["Pull request", webLink(pull, { class: "button plain" }, `#${pull.split("/").at(-1)}`)],
        ["Cost", usage.cost_nanodollars === undefined ? "unknown" : money(usage.cost_nanodollars)],
        ["Tokens", `${count(given(usage))} in, ${count(usage.output_tokens)} out`],
        ["Time", `${duration(card.wall_duration)}, at work ${duration(card.work_duration)}`],
    ].filter(Boolean);
}

function described([name, ...value]) {
    return [element("dt", {}, name), element("dd", {}, ...value)];
}

function given({ input_tokens: fresh, cache_write_tokens: kept, cache_read_tokens: cached }) {
    return fresh + kept + cached;
}

function tail({ outcome, tail: printed }) {
    return outcome !== "passed" && printed && element("pre", { class: "tail" }, printed);
}
