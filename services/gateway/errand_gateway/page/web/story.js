/** A task as a replay of its events: where it stands, and the entries that a person reads. It knows of no screen. */

import { Entries } from "./entries.js";
import { GoingOn } from "./going_on.js";
import { addUses, NO_NETWORK } from "./network.js";
import { NOTHING_HEARD } from "./pieces.js";
import { addDelay, addQuiet, addStep } from "./plain_entries.js";
import { isCut } from "./summary.js";
import { addUsage, NO_USAGE } from "./usage.js";
import { Wait } from "./wait.js";
import { WaitingInputs } from "./waiting_inputs.js";
import { WorkTime } from "./work_time.js";

const FINAL = ["completed", "failed", "cancelled"];
/** Steps whose outcome is an entry of its own. */
const DELIVERY = ["push", "pull_request"];
/** Phases of an attempt that the task's own status does not tell. */
const TOLD_PHASES = ["lost", "timed_out"];
/** The tool by which Claude asks: what it asks is an entry of its own. */
const ASK = "ask_user";
/** The tool by which Claude writes down what it has to do: the list is an entry of its own. */
const TODO = "todo";

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
    effort = "";
    context = null;
    usage = NO_USAGE;
    network = NO_NETWORK;
    /** What the task may spend, once a person raised it; null: as it was created. */
    allowance = null;
    /** Whether most of a limit is spent, and nobody raised it since. */
    allowanceLow = false;
    /** Whether everything that had happened before was heard. */
    replayed = false;
    /** Whether the attempt is paused, since its host is cut off or short of disk. */
    frozen = false;
    /** Why, in words; empty where the host is cut off. */
    frozenReason = "";
    #entries = new Entries();
    #work = new WorkTime();
    #goingOn = new GoingOn(this.#entries);
    #wait = new Wait(this.#entries);
    /** Known once it was changed. */
    #promptId = null;
    /** Of the step of getting started that began last. */
    #stepKey = "";
    /** What was written and is not read yet. */
    waiting = new WaitingInputs();

    /** What a person reads, oldest first. An entry's `version` rises when it changes. */
    get entries() {
        return this.#entries.all;
    }

    /** The entry of what the task waits for; null where that is nothing. */
    get wait() {
        return this.#wait.entry;
    }

    /** How long runners had the task. */
    get workSeconds() {
        return this.#work.seconds;
    }

    /** What the person asked for; it is no event of its own. */
    begin(prompt, time) {
        this.#entries.add("prompt", { kind: "input", text: prompt, cut: false, time });
    }

    /** One message of the task's subscription. Kinds that are not known are passed over. */
    hear(message) {
        switch (message.type) {
            case "event":
                this.#event(message.event);
                break;
            case "delta":
                this.#goingOn.piece(message.delta);
                break;
            case "snapshot":
                this.#goingOn.snapshot(message.snapshot);
                break;
            case "caught_up":
                this.replayed = true;
                break;
        }
        this.#wait.answer(this.waiting.all.length > 0);
    }

    #event({ kind, detail, created_time: time }) {
        this.#work.hear(time);
        switch (kind) {
            case "task_status_changed":
                return this.#moved(detail, time);
            case "attempt_phase_changed":
                return this.#attempt(detail, time);
            case "step_started":
                return this.#stepStarted(detail, time);
            case "step_finished":
                return this.#step(detail);
            case "prefix_frozen":
                this.model = detail.model;
                this.effort = detail.effort;
                return undefined;
            case "model_changed":
                this.model = detail.model;
                this.effort = detail.effort;
                return addQuiet(this.#entries, kind, detail, time);
            case "message_appended":
                return detail.role === "assistant" ? this.#said(detail, time) : this.#took(detail, time);
            case "conversation_shortened":
                this.usage = addUsage(this.usage, detail.usage);
                this.#entries.dropUnfinished();
                return addQuiet(this.#entries, kind, detail, time);
            case "reply_dropped":
                this.usage = addUsage(this.usage, detail.usage);
                return detail.summary ? this.#brokeOff(detail, time) : this.#entries.dropUnfinished();
            case "context_measured":
                this.context = { used: detail.used_tokens, limit: detail.limit_tokens };
                return undefined;
            case "tool_call_started":
                return this.#toolStarted(detail, time);
            case "tool_call_finished":
                return this.#toolFinished(detail, time);
            case "input_added":
                return this.waiting.add(detail.input_id, detail);
            case "input_changed":
                return this.#inputChanged(detail);
            case "wait_started":
                return this.#wait.begin(detail, time);
            case "wait_ended":
                return this.#waitEnded(detail, time);
            case "model_delayed":
                this.#entries.dropUnfinished();
                return addDelay(this.#entries, "model", detail, time);
            case "git_delayed":
                return addDelay(this.#entries, "git", detail, time);
            case "branch_pushed":
                return this.#branch(detail);
            case "pull_request_opened":
                return this.#pull(detail);
            case "task_retried":
                this.#wait.sendOn();
                return addQuiet(this.#entries, kind, detail, time);
            case "attempt_frozen":
            case "attempt_thawed":
                this.frozen = kind === "attempt_frozen";
                this.frozenReason = detail.reason ?? "";
                return addQuiet(this.#entries, kind, detail, time);
            case "sandbox_adopted":
                // Where the process that was hearing it is gone, what Claude was saying is asked for anew.
                this.#entries.dropUnfinished();
                return addQuiet(this.#entries, kind, detail, time);
            case "allowance_low":
            case "allowance_raised":
                this.allowanceLow = kind === "allowance_low";
                this.allowance = detail.allowance ?? this.allowance;
                return addQuiet(this.#entries, kind, detail, time);
            case "checkpoint_saved":
                // That all is well every time is not worth a line.
                return detail.left_out_count ? addQuiet(this.#entries, kind, detail, time) : undefined;
            case "sandbox_replaced":
            case "engine_away":
            case "log_gap":
            case "push_limited":
            case "repository_renamed":
            case "pull_request_left":
            case "sandbox_limit_hit":
            case "checkpoint_failed":
            case "workspace_restored":
            case "branch_moved":
                return addQuiet(this.#entries, kind, detail, time);
            case "egress_used":
                return this.#egress(detail, time);
            case "todo_changed":
                return this.#todo(detail, time);
            case "check_finished":
                // Of its steps one may have come to nothing.
                this.#entries.changeRunning({ state: "interrupted" });
                return addQuiet(this.#entries, kind, detail, time);
            case "work_finished":
                return this.#finished(detail, time);
            case "unknown":
                return addQuiet(this.#entries, kind, detail, time);
        }
        return undefined;
    }

    #moved({ status, status_reason: reason, failure_reason: failureReason }, time) {
        this.status = status;
        this.statusReason = reason;
        if (status !== "waiting") {
            this.#wait.end();
        }
        if (status === "pending") {
            // No attempt is at work.
            this.#interrupt();
        }
        if (isFinal(status)) {
            this.#interrupt();
            this.#end({ status, reason, failureReason, time });
        }
    }

    /** The card that comes just before says that it is completed. */
    #end(ending) {
        if (ending.status !== "completed" || !this.#entries.lastSettled?.card) {
            this.#entries.add(null, { kind: "ending", usage: this.usage, blocked: this.network.blocked, ...ending });
        }
    }

    #finished({ card }, time) {
        this.#interrupt();
        this.#entries.add(null, { kind: "ending", status: "completed", card, blocked: card.blocked_hosts, time });
    }

    #attempt({ phase, reason }, time) {
        this.phase = phase;
        this.#work.move(phase, time);
        this.frozen = false;
        this.lastStep = phase === "starting" ? "" : this.lastStep;
        if (phase === "parked") {
            this.#interrupt();
            addQuiet(this.#entries, phase, {}, time);
        }
        if (TOLD_PHASES.includes(phase)) {
            this.#interrupt();
            this.#entries.add(null, { kind: "note", phase, reason, time });
        }
    }

    #stepStarted({ step_id: key, step }, time) {
        this.#entries.remove(this.#stepKey);
        this.#stepKey = key;
        const heard = this.#goingOn.earlyOutput(key);
        this.#entries.add(key, { kind: "step", step, state: "running", heard, output: heard.text, time });
    }

    #step({ step, duration, step_id: key }) {
        this.lastStep = step;
        if (key) {
            this.#entries.remove(key);
        }
        if (!DELIVERY.includes(step)) {
            addStep(this.#entries, { step, duration });
        }
    }

    #said({ message_id: messageId, summary, usage }, time) {
        this.usage = addUsage(this.usage, usage);
        // A reply that was cut off was void. Ids rise with time: newer words may be ahead of this event.
        this.#entries.dropUnfinished((entry) => entry.key < messageId);
        const settled = { text: summary, cut: isCut(summary), live: false, time };
        const known = this.#entries.find(messageId);
        if (known) {
            this.#entries.change(known, settled);
        } else {
            this.#entries.add(messageId, { kind: "words", thoughts: "", ...settled });
        }
    }

    /** What was stopped in its midst counts for nothing, and is shown as far as it came. */
    #brokeOff({ message_id: messageId, summary }, time) {
        this.#entries.dropUnfinished((entry) => entry.key !== messageId);
        const known = this.#entries.find(messageId);
        const marked = { live: false, cut: false, brokenOff: true, time };
        if (known) {
            this.#entries.change(known, { ...marked, text: known.text || summary });
        } else {
            this.#entries.add(messageId, { kind: "words", thoughts: "", text: summary, ...marked });
        }
    }

    #took({ input_ids: inputIds, message_id: messageId }, time) {
        for (const inputId of inputIds) {
            const taken = this.waiting.take(inputId);
            if (inputId === this.#promptId) {
                this.#entries.change(this.#entries.find("prompt"), { messageId });
            } else if (taken) {
                this.#entries.add(inputId, { ...taken, kind: "input", sentAs: taken.kind, messageId, time });
            }
        }
    }

    #inputChanged(detail) {
        // Only the prompt waits without having been added.
        if (!this.waiting.change(detail.input_id, detail) && detail.change === "edited") {
            this.#promptId = detail.input_id;
            this.#promptChanged(this.#entries.find("prompt"), detail.summary);
        }
    }

    #promptChanged(prompt, summary) {
        // What was read of the task is whole, and may be newer.
        if (!isCut(summary) || !prompt.text.startsWith(summary.slice(0, -1))) {
            this.#entries.change(prompt, { text: summary, cut: isCut(summary) });
        }
    }

    #waitEnded(detail, time) {
        const asked = this.wait?.reason === "question";
        this.#wait.end();
        if (!asked) {
            addQuiet(this.#entries, "wait_ended", detail, time);
        }
    }

    #toolStarted({ tool_call_id: key, tool_name: name, summary }, time) {
        if (name === ASK || name === TODO) {
            return;
        }
        const heard = this.#goingOn.earlyOutput(key);
        this.#entries.add(key, { kind: "tool", name, summary, state: "running", heard, output: heard.text, time });
    }

    #toolFinished({ tool_call_id: key, tool_name: name, summary, is_error: isError, duration }, time) {
        const ended = { state: isError ? "failed" : "done", output: summary, duration };
        const known = this.#entries.find(key);
        if (known?.kind === "wait") {
            this.#wait.end();
        } else if (known) {
            this.#entries.change(known, ended);
        } else if (name !== TODO || isError) {
            this.#entries.add(key, { kind: "tool", name, summary: "", heard: NOTHING_HEARD, time, ...ended });
        }
    }

    #branch({ branch, commit, diff_stat: diffStat }) {
        this.pushed = { branch, commit, diffStat };
        this.#entries.add(null, { kind: "pushed", branch, commit, diffStat });
    }

    #pull({ url, number, draft = false, remark = "" }) {
        this.pullRequest = { url, number, draft };
        this.#entries.add(null, { kind: "pull_request", url, number, draft, remark });
    }

    /** The list stands where it was last changed. */
    #todo({ items }, time) {
        this.#entries.remove(TODO);
        if (items.length) {
            this.#entries.add(TODO, { kind: "todo", items, time });
        }
    }

    #egress({ uses }, time) {
        const { network, fresh, reasons } = addUses(this.network, uses);
        this.network = network;
        for (const host of fresh) {
            this.#entries.add(null, { kind: "blocked", host, time });
        }
        for (const reason of reasons) {
            addQuiet(this.#entries, "not_reached", { reason }, time);
        }
    }

    /** What was going on goes on no more. */
    #interrupt() {
        this.#entries.dropUnfinished();
        this.#entries.changeRunning({ state: "interrupted" });
    }
}
