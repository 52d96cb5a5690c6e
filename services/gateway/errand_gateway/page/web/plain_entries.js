/** Entries of facts that stand for themselves; what repeats itself grows on the one before. */

/** A step ended; the steps of one start stand together, whatever is worth a line in between. */
export function addStep(entries, { step, duration }) {
    const last = entries.lastSettledBut("quiet");
    if (last?.kind === "steps") {
        entries.change(last, { steps: [...last.steps, { step, duration }] });
    } else {
        entries.add(null, { kind: "steps", steps: [{ step, duration }] });
    }
}

/** Somebody does not answer: "model" or "git". */
export function addDelay(entries, by, { reason, delay }, time) {
    const last = entries.lastSettled;
    if (last?.kind === "delay" && last.by === by) {
        entries.change(last, { reason, delay, time, times: last.times + 1 });
    } else {
        entries.add(null, { kind: "delay", by, reason, delay, time, times: 1 });
    }
}

/** Something that is worth a line, and no more. */
export function addQuiet(entries, fact, detail, time) {
    entries.add(null, { kind: "quiet", fact, detail, time });
}
