/** The entries of a story as a person sees them. Each is drawn once, and again when its version rises. */

import { element, icon, webLink } from "../dom.js";
import { age, count, counted, duration, money } from "../format.js";
import { FAILURE, PHASE, STATUS, STEP } from "../words.js";
import { quietWords } from "./quiet.js";
import { SaidEntry } from "./said.js";
import { StepEntry } from "./step.js";
import { ToolEntry } from "./tool.js";
import { WaitEntry } from "./wait.js";
import { WrittenEntry } from "./written.js";

const OWN = { words: SaidEntry, tool: ToolEntry, step: StepEntry, input: WrittenEntry, wait: WaitEntry };
const SIMPLE = { steps, note, quiet, delay, pushed, pull_request: pullRequest, ending };

/** A `node` with a `redraw()` for an entry; `whole` reads what entries only summarise, `answer` answers a question. */
export function drawn(entry, whole, answer) {
    const Own = OWN[entry.kind];
    return Own ? new Own(entry, whole, answer) : new SimpleEntry(entry);
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
    const whom = by === "model" ? "Claude" : "the git host";
    const often = times > 1 ? `, ${times} times so far` : "";
    return [element("p", {}, `Waiting for ${whom}: ${reason}. Again after ${duration(seconds)}${often}.`)];
}

function pushed({ branch, commit, diffStat }) {
    return [
        element("p", {}, icon("check"), "Pushed ", element("code", {}, branch), ` at ${commit.slice(0, 10)}`),
        diffStat && changes(diffStat),
    ].filter(Boolean);
}

function pullRequest({ url, number }) {
    const words = [icon("pull"), `Pull request #${number}`, icon("out")];
    return [webLink(url, { class: "button primary wide" }, ...words)];
}

function ending({ status, reason, failureReason, usage, time }) {
    const title = FAILURE[failureReason] ?? STATUS[status];
    const told = reason && reason !== "stopped";
    return [
        element("p", { class: "title" }, icon(status === "completed" ? "check" : "cross"), title),
        told && element("p", { class: "why" }, reason),
        element("p", { class: "faint" }, [cost(usage), age(time)].filter(Boolean).join(" · ")),
    ].filter(Boolean);
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
