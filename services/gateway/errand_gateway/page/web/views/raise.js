/** The allowance of a task that waits for more, or soon will: what is spent of it, and the taps that raise it. */

import { amountOf, limitsOf, nearest, ofLimit, spentOf, step, valueOf } from "../allowance.js";
import { button, element, say } from "../dom.js";
import { newKey } from "../draft.js";
import { wordsOf } from "../problem.js";

/** The second of two quick taps meant what the first one did, whatever the answer changed under the finger. */
const SAME_TAP_MS = 1000;

export class Raise {
    #send;
    #limit = null;
    #allowance = null;
    #known = "";
    #asked = { text: "", key: "" };
    #raised = false;
    #sending = false;
    #spent = element("p", { class: "spent" });
    #tap = button("", { class: "primary", onclick: () => this.#tapped() });
    #which = element("select", { "aria-label": "Which limit" });
    #amount = element("input", {
        type: "text",
        inputmode: "decimal",
        maxlength: "20",
        autocomplete: "off",
        "aria-label": "Raise by",
        placeholder: "amount",
    });
    #other = element("button", { type: "submit" }, "Raise");
    #told = element("p", { class: "hint", role: "status" });
    #error = element("p", { class: "hint", role: "alert", hidden: true });

    /** `send` raises the limits by so much, and raises Problem. */
    constructor(send) {
        this.#send = send;
        const form = element("form", { class: "amount", novalidate: true }, this.#which, this.#amount, this.#other);
        form.addEventListener("submit", (event) => {
            event.preventDefault();
            this.#typed();
        });
        const parts = [this.#spent, this.#tap, form, this.#told, this.#error];
        this.node = element("section", { class: "raise", "aria-label": "Allowance", hidden: true }, ...parts);
    }

    /** Draw it for a task that stands so. */
    draw(status, task, story) {
        const allowance = story.allowance ?? task.allowance;
        const waits = status === "waiting" && story.wait?.reason === "allowance" && story.wait.resumes === null;
        const limits = limitsOf(allowance);
        this.node.hidden = limits.length === 0 || !(waits || (story.allowanceLow && ["running", "waiting"].includes(status)));
        if (this.node.hidden) {
            return;
        }
        const spent = spentOf(story);
        say(this.#spent, `Spent: ${limits.map((each) => ofLimit(each, spent, allowance)).join(" · ")}`);
        this.#limit = nearest(limits, { spent, allowance, words: waits ? story.wait.text : "" });
        this.#take(allowance, limits);
        say(this.#tap, `+${this.#limit.units(step(this.#limit, allowance))}`);
    }

    #take(allowance, limits) {
        const known = JSON.stringify(allowance);
        if (known !== this.#known) {
            this.#known = known;
            this.#allowance = allowance;
            this.#release();
            this.#which.replaceChildren(...limits.map(({ field, name }) => element("option", { value: field }, name)));
            this.#which.value = this.#limit.field;
            this.#allow();
        }
    }

    /** What was raised is known: it may be raised again. */
    #release() {
        if (this.#sending || this.#raised) {
            this.#raised = true;
            setTimeout(() => this.#free(), SAME_TAP_MS);
        }
    }

    #free() {
        this.#raised = false;
        this.#told.textContent = "";
        this.#allow();
    }

    #tapped() {
        return this.#raise(this.#limit, step(this.#limit, this.#allowance));
    }

    async #typed() {
        const limit = limitsOf(this.#allowance).find(({ field }) => field === this.#which.value);
        const { amount, error } = amountOf(limit, this.#amount.value);
        if (error || amount === 0) {
            this.#fail(error ?? `${limit.name}: nothing would be added; type how much, such as ${limit.such}.`);
        } else if (await this.#raise(limit, amount)) {
            this.#amount.value = "";
        }
    }

    /** Whether it is raised. The same amount over the same allowance counts once, however often it is sent. */
    async #raise(limit, amount) {
        if (this.#sending || this.#raised) {
            return false;
        }
        const more = { [limit.field]: valueOf(limit, amount) };
        const known = this.#known;
        const text = known + JSON.stringify(more);
        this.#asked = this.#asked.text === text ? this.#asked : { text, key: newKey() };
        this.#busy(true);
        try {
            await this.#send(more, this.#asked.key);
            // It may have been heard of before the answer came.
            this.#raised ||= this.#known === known;
            this.#told.textContent = this.#raised ? `Raised by ${limit.units(amount)}.` : "";
            return true;
        } catch (error) {
            this.#fail(wordsOf(error));
            return false;
        } finally {
            this.#busy(false);
        }
    }

    #busy(busy) {
        this.#sending = busy;
        this.#error.hidden = this.#error.hidden || busy;
        this.#allow();
    }

    #allow() {
        for (const each of [this.#tap, this.#other]) {
            each.disabled = this.#sending || this.#raised;
        }
    }

    #fail(words) {
        this.#error.textContent = words;
        this.#error.hidden = false;
    }
}
