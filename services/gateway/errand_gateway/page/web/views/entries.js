/** The entries of a story as a person sees them. Each is drawn once, and again when its version rises. */

import { element, icon, webLink } from "../dom.js";
import { count, counted, duration, money } from "../format.js";
import { PHASE, STEP } from "../words.js";
import { BlockedEntry } from "./blocked.js";
import { EndingEntry } from "./ending.js";
import { quietWords } from "./quiet.js";
import { SaidEntry } from "./said.js";
import { StepEntry } from "./step.js";
import { todo } from "./todo.js";
import { ToolEntry } from "./tool.js";
import { WaitEntry } from "./wait.js";
import { WrittenEntry } from "./written.js";

const OWN = {
    words: (entry, { whole }) => new SaidEntry(entry, whole),
    tool: (entry, { whole }) => new ToolEntry(entry, whole),
    step: (entry) => new StepEntry(entry),
    input: (entry, { whole }) => new WrittenEntry(entry, whole),
    wait: (entry, { whole, answer }) => new WaitEntry(entry, whole, answer),
    blocked: (entry, { hosts }) => new BlockedEntry(entry, hosts),
    ending: (entry, { hosts }) => new EndingEntry(entry, hosts),
};
const SIMPLE = { steps, note, quiet, delay, pushed, pull_request: pullRequest, todo };

/**
 * A `node` with a `redraw()` for an entry. Of the `ways`, `whole` reads what entries only summarise, `answer` answers a
 * question, `hosts` allow what was blocked.
 */
export function drawn(entry, ways) {
    return OWN[entry.kind]?.(entry, ways) ?? new SimpleEntry(entry);
}

class SimpleEntry {
    #entry;

    constructor(entry) {
        this.#entry = entry;
        this.node = element("div", { class: `entry ${entry.kind}`, "data-status": entry.status });
        this.redraw();
    }

    redraw() {
        this.node.replaceChildren(...SIMPLE[this.#entry.kind](this.#entry));
    }
}

function steps({ steps: found }) {
    return found.map(({ step, duration: took }) =>
        element("span", { class: "step" }, `${STEP[step] ?? step} ${duration(took)}`),
    );
}

function note({ phase, reason }) {
    return [element("p", {}, PHASE[phase], reason && `: ${reason}`)];
}

function quiet({ fact, detail }) {
    return [element("p", {}, quietWords(fact, detail))];
}

function delay({ by, reason, delay: seconds, times }) {
    // Git may have been killed, too.
    const whom = by === "model" ? "Claude" : "git";
    const often = times > 1 ? `, ${times} times so far` : "";
    return [element("p", {}, `Waiting for ${whom}: ${reason}. Again after ${duration(seconds)}${often}.`)];
}

function pushed({ branch, commit, diffStat }) {
    return [
        element("p", {}, icon("check"), "Pushed ", element("code", {}, branch), ` at ${commit.slice(0, 10)}`),
        diffStat && changes(diffStat),
    ].filter(Boolean);
}

function pullRequest({ url, number, draft, remark }) {
    const words = [icon("pull"), `${draft ? "Draft pull request" : "Pull request"} #${number}`, icon("out")];
    const link = webLink(url, { class: "button primary wide" }, ...words);
    return remark ? [link, element("p", {}, remark)] : [link];
}

/** What a branch changes. */
export function changes({ files, insertions, deletions }) {
    return element(
        "p",
        { class: "changes" },
        `${counted(files, "file")} `,
        element("span", { class: "added" }, `+${count(insertions)}`),
        " ",
        element("span", { class: "removed" }, `−${count(deletions)}`),
    );
}

/** What a task cost, as far as it is known. */
export function cost(usage) {
    if (!usage.written) {
        return "";
    }
    return usage.priced ? money(usage.nanodollars) : "cost unknown";
}
