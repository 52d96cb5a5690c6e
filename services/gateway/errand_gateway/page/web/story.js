/** A task as a replay of its events: where it stands, and the entries that a person reads. It knows of no screen. */

import { Entries } from "./entries.js";
import { addUsage, NO_USAGE } from "./usage.js";

const FINAL = ["completed", "failed", "cancelled"];
/** What is kept of a running command's output; all of it can be read when the command has ended. */
const LIVE_CHARACTERS = 16_000;
/** Steps whose outcome is an entry of its own. */
const DELIVERY = ["push", "pull_request"];
/** Phases of an attempt that the task's own status does not tell. */
const TOLD_PHASES = ["lost", "timed_out", "parked"];
/** A summary of so many bytes that ends in an ellipsis is the beginning of something longer. */
const CUT_BYTES = 1000;

/** Whether only a follow-up moves a task on from this status. */
export function isFinal(status) {
    return FINAL.includes(status);
}

export class Story {
    /** Where the task stands, as far as its events tell. */
    status = "";
    statusReason = "";
    phase = "";
    lastStep = "";
    pullRequest = null;
    pushed = null;
    model = "";
    usage = NO_USAGE;
    /** Whether everything that had happened before was heard. */
    replayed = false;
    #entries = new Entries();
    #joinedMidway = false;
    /** Output of a tool call whose start was not heard yet: pieces on their way overtake what is stored first. */
    #early = { key: "", text: "" };

    /** What a person reads, oldest first. An entry's `version` rises when it changes. */
    get entries() {
        return this.#entries.all;
    }

    /** What the person asked for; it is no event of its own. */
    begin(prompt, time) {
        this.#entries.add("prompt", { kind: "input", text: prompt, cut: false, taken: true, time });
    }

    /** An input as the person wrote it here, whole. */
    wrote(inputId, text) {
        const entry = this.#entries.find(inputId);
        if (entry?.cut) {
            this.#entries.change(entry, { text, cut: false });
        }
    }

    /** One message of the task's subscription. Kinds that are not known are passed over. */
    hear(message) {
        switch (message.type) {
            case "event":
                this.#joinedMidway = false;
                this.#event(message.event);
                break;
            case "delta":
                this.#delta(message.delta);
                break;
            case "caught_up":
                // What is on its way now began before we listened.
                this.#joinedMidway = true;
                this.replayed = true;
                this.#entries.dropUnfinished();
                this.#entries.changeRunning({ output: "", midway: true });
                break;
        }
    }

    #event({ kind, detail, created_time: time }) {
        switch (kind) {
            case "task_status_changed":
                return this.#moved(detail, time);
            case "attempt_phase_changed":
                return this.#attempt(detail, time);
            case "step_finished":
                return this.#step(detail);
            case "prefix_frozen":
                this.model = detail.model;
                return undefined;
            case "message_appended":
                return detail.role === "assistant" ? this.#said(detail, time) : this.#took(detail);
            case "tool_call_started":
                return this.#toolStarted(detail, time);
            case "tool_call_finished":
                return this.#toolFinished(detail, time);
            case "input_added":
                return this.#input(detail, time);
            case "model_delayed":
                this.#entries.dropUnfinished();
                return this.#delayed("model", detail, time);
            case "git_delayed":
                return this.#delayed("git", detail, time);
            case "branch_pushed":
                return this.#branch(detail);
            case "pull_request_opened":
                return this.#pull(detail);
        }
        return undefined;
    }

    #moved({ status, status_reason: reason, failure_reason: failureReason }, time) {
        this.status = status;
        this.statusReason = reason;
        if (isFinal(status)) {
            this.#interrupt();
            this.#entries.add(null, { kind: "ending", status, reason, failureReason, usage: this.usage, time });
        }
    }

    #attempt({ phase, reason }, time) {
        this.phase = phase;
        this.lastStep = phase === "starting" ? "" : this.lastStep;
        if (TOLD_PHASES.includes(phase)) {
            this.#interrupt();
            this.#entries.add(null, { kind: "note", phase, reason, time });
        }
    }

    #step({ step, duration }) {
        this.lastStep = step;
        if (DELIVERY.includes(step)) {
            return;
        }
        const last = this.#entries.lastSettled;
        if (last?.kind === "steps") {
            this.#entries.change(last, { steps: [...last.steps, { step, duration }] });
        } else {
            this.#entries.add(null, { kind: "steps", steps: [{ step, duration }] });
        }
    }

    #said({ message_id: messageId, summary, usage }, time) {
        this.usage = addUsage(this.usage, usage);
        // A reply that was cut off was void. Ids rise with time: newer words may be ahead of this event.
        this.#entries.dropUnfinished((entry) => entry.key < messageId);
        const settled = { text: summary, cut: isCut(summary), live: false, midway: false, time };
        const known = this.#entries.find(messageId);
        if (known) {
            this.#entries.change(known, settled);
        } else {
            this.#entries.add(messageId, { kind: "words", thoughts: "", ...settled });
        }
    }

    #took({ input_ids: inputIds, message_id: messageId }) {
        for (const entry of inputIds.map((inputId) => this.#entries.find(inputId)).filter(Boolean)) {
            this.#entries.change(entry, { taken: true, messageId });
        }
    }

    #toolStarted({ tool_call_id: key, tool_name: name, summary }, time) {
        const output = this.#early.key === key ? this.#early.text : "";
        this.#entries.add(key, { kind: "tool", name, summary, state: "running", output, time });
    }

    #toolFinished({ tool_call_id: key, tool_name: name, summary, is_error: isError, duration }, time) {
        const ended = { state: isError ? "failed" : "done", output: summary, duration };
        const known = this.#entries.find(key);
        if (known) {
            this.#entries.change(known, ended);
        } else {
            this.#entries.add(key, { kind: "tool", name, summary: "", time, ...ended });
        }
    }

    #input({ input_id: inputId, summary: text, kind }, time) {
        const fields = { kind: "input", text, cut: isCut(text), steers: kind === "steer", taken: false, time };
        this.#entries.add(inputId, fields);
    }

    #delayed(by, { reason, delay }, time) {
        const last = this.#entries.lastSettled;
        if (last?.kind === "delay" && last.by === by) {
            this.#entries.change(last, { reason, delay, time, times: last.times + 1 });
        } else {
            this.#entries.add(null, { kind: "delay", by, reason, delay, time, times: 1 });
        }
    }

    #branch({ branch, commit, diff_stat: diffStat }) {
        this.pushed = { branch, commit, diffStat };
        this.#entries.add(null, { kind: "pushed", branch, commit, diffStat });
    }

    #pull({ url, number }) {
        this.pullRequest = { url, number };
        this.#entries.add(null, { kind: "pull_request", url, number });
    }

    #delta({ subject_id: key, kind, text }) {
        if (kind === "output") {
            this.#output(key, text);
            return;
        }
        const field = kind === "thinking" ? "thoughts" : "text";
        const known = this.#entries.find(key);
        if (known?.live) {
            this.#entries.change(known, { [field]: known[field] + text });
        } else if (!known) {
            const begun = { kind: "words", text: "", thoughts: "", live: true, midway: this.#joinedMidway };
            this.#entries.add(key, { ...begun, [field]: text });
        }
    }

    #output(key, text) {
        const known = this.#entries.find(key);
        if (known?.state === "running") {
            this.#entries.change(known, { output: (known.output + text).slice(-LIVE_CHARACTERS) });
        } else if (!known) {
            const before = this.#early.key === key ? this.#early.text : "";
            this.#early = { key, text: (before + text).slice(-LIVE_CHARACTERS) };
        }
    }

    /** What was going on goes on no more. */
    #interrupt() {
        this.#entries.dropUnfinished();
        this.#entries.changeRunning({ state: "interrupted" });
    }
}

function isCut(summary) {
    return summary.endsWith("…") && new Blob([summary]).size > CUT_BYTES;
}
