/** What is being said and printed right now: it grows among the entries until something stored takes its place. */

import { fromSnapshot, IN_OUTPUT, IN_WORDS, NOTHING_HEARD, withPiece } from "./pieces.js";

/** What is kept of a running command's or step's output; all of a command's can be read when it has ended. */
const LIVE_CHARACTERS = 16_000;

export class GoingOn {
    #entries;
    /** Output of a tool call or step whose start was not heard yet: pieces on their way overtake what is stored first. */
    #early = { key: "", output: NOTHING_HEARD };

    constructor(entries) {
        this.#entries = entries;
    }

    /** One more piece. */
    piece(delta) {
        this.#grow(delta, withPiece);
    }

    /** As far as a subject has come: what was shown of it and its kind goes. */
    snapshot(delta) {
        this.#grow(delta, (_, whole, marks) => fromSnapshot(whole, marks));
    }

    /** What was heard of a tool call's or step's output before its start was. */
    earlyOutput(key) {
        return this.#early.key === key ? this.#early.output : NOTHING_HEARD;
    }

    #grow(delta, joined) {
        if (delta.kind === "output" || delta.kind === "step") {
            this.#output(delta, joined);
        } else {
            this.#words(delta, joined);
        }
    }

    #words(delta, joined) {
        const field = delta.kind === "thinking" ? "thoughts" : "text";
        const known = this.#entries.find(delta.subject_id);
        if (known && !known.live) {
            return;
        }
        const heard = joined(known?.heard[field] ?? NOTHING_HEARD, delta, IN_WORDS);
        const fields = { [field]: heard.text, heard: { ...known?.heard, [field]: heard } };
        if (known) {
            this.#entries.change(known, fields);
        } else {
            this.#entries.add(delta.subject_id, { kind: "words", text: "", thoughts: "", live: true, ...fields });
        }
    }

    #output(delta, joined) {
        const key = delta.subject_id;
        const known = this.#entries.find(key);
        if (known?.state === "running") {
            const heard = shortened(joined(known.heard, delta, IN_OUTPUT));
            this.#entries.change(known, { heard, output: heard.text });
        } else if (!known) {
            this.#early = { key, output: shortened(joined(this.earlyOutput(key), delta, IN_OUTPUT)) };
        }
    }
}

function shortened(heard) {
    return { ...heard, text: heard.text.slice(-LIVE_CHARACTERS) };
}
