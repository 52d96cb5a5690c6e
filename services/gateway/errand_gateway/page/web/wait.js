/** What a task waits for, as an entry of its story: it begins, it is answered, it ends. */

import { isCut } from "./summary.js";

export class Wait {
    #entries;
    #entry = null;

    constructor(entries) {
        this.#entries = entries;
    }

    /** The entry of what is waited for; null while the task waits for nothing. */
    get entry() {
        return this.#entry;
    }

    /** The event of its beginning. */
    begin({ reason, summary, tool_call_id: toolCallId, resume_duration: seconds, choices }, time) {
        this.end();
        const resumes = seconds === undefined ? null : Date.parse(time) + seconds * 1000;
        const begun = { resumes, isOpen: true, answered: false, sentOn: false };
        const known = toolCallId && this.#entries.find(toolCallId);
        if (known) {
            // Another attempt asks it again.
            this.#entries.change(known, begun);
            this.#entry = known;
        } else {
            const asked = { kind: "wait", reason, text: summary, cut: isCut(summary), choices, toolCallId };
            this.#entry = this.#entries.add(toolCallId || null, { ...asked, ...begun, time });
        }
    }

    /** Whether something waits to be read that ends it. */
    answer(answered) {
        if (this.#entry && this.#entry.answered !== answered) {
            this.#entries.change(this.#entry, { answered });
        }
    }

    /** The person does not want to wait. */
    sendOn() {
        if (this.#entry) {
            this.#entries.change(this.#entry, { sentOn: true });
        }
    }

    /** It is over. */
    end() {
        if (this.#entry) {
            this.#entries.change(this.#entry, { isOpen: false });
            this.#entry = null;
        }
    }
}
