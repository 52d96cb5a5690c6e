/** What a task waits for: Claude's question with the answers that it suggests, or until when nothing goes on. */

import { button, element } from "../dom.js";
import { newKey } from "../draft.js";
import { moment } from "../format.js";
import { blocksOf } from "../markdown.js";
import { wordsOf } from "../problem.js";

const DRAWN = { question, allowance, quota };

export class WaitEntry {
    #entry;
    #whole;
    #answer;
    #key = newKey();
    #told = element("div", { class: "told" });
    #choices = element("div", { class: "choices", role: "group", "aria-label": "Suggested answers" });
    #error = element("p", { class: "hint", role: "alert", hidden: true });
    #isRead = false;

    /** `answer` sends a person's answer; it raises Problem. */
    constructor(entry, whole, answer) {
        this.#entry = entry;
        this.#whole = whole;
        this.#answer = answer;
        const asks = entry.reason === "question";
        this.node = element("article", { class: "entry wait", "aria-label": asks ? "Question" : "Waiting" });
        this.node.append(this.#told, this.#choices, this.#error);
        this.redraw();
    }

    redraw() {
        const { reason, choices, isOpen, answered } = this.#entry;
        this.node.classList.toggle("open", isOpen);
        this.#told.replaceChildren(...(DRAWN[reason] ?? unknown)(this.#entry));
        this.#choices.replaceChildren(...choices.map((choice) => this.#choice(choice)));
        this.#choices.hidden = !isOpen || answered || choices.length === 0;
        if (!this.#isRead && this.#entry.toolCallId && isShortened(this.#entry)) {
            this.#isRead = true;
            this.#whole.whenSeen(this.node, () => this.#read());
        }
    }

    #choice(words) {
        return button(words, { class: "wide", onclick: () => this.#choose(words) });
    }

    async #choose(words) {
        this.#busy(true);
        this.#error.hidden = true;
        try {
            await this.#answer(words, `${this.#key}.${this.#entry.choices.indexOf(words)}`);
            this.#key = newKey();
        } catch (error) {
            this.#tell(wordsOf(error));
        } finally {
            this.#busy(false);
        }
    }

    #busy(busy) {
        for (const node of this.#choices.children) {
            node.disabled = busy;
        }
    }

    async #read() {
        this.#error.hidden = true;
        try {
            const asked = await this.#whole.question(this.#entry.toolCallId);
            Object.assign(this.#entry, asked, { cut: false });
            this.redraw();
        } catch (error) {
            const again = button("Try again", { class: "plain", onclick: () => this.#read() });
            this.#tell(`The rest could not be read: ${wordsOf(error)}`, again);
        }
    }

    #tell(...content) {
        this.#error.replaceChildren(...content);
        this.#error.hidden = false;
    }
}

function isShortened({ cut, choices }) {
    return cut || choices.some((choice) => choice.endsWith("…"));
}

function question({ text, isOpen }) {
    const title = element("p", { class: "title" }, isOpen ? "Claude asks" : "Claude asked");
    return [title, element("div", { class: "prose" }, ...blocksOf(text))];
}

function quota({ text, isOpen, resumes }) {
    const until = isOpen && resumes !== null ? ` It goes on by itself: ${moment(resumes)}.` : "";
    const title = isOpen ? "Claude takes no more for now" : "Claude took no more";
    return [element("p", {}, `${title}: ${ended(text)}${until}`)];
}

function allowance({ text, isOpen, resumes }) {
    if (resumes !== null) {
        const again = isOpen ? ` It looks again: ${moment(resumes)}.` : "";
        const title = isOpen ? "Waiting for money of a day" : "It waited for money of a day";
        return [element("p", {}, `${title}: ${ended(text)}${again}`)];
    }
    // A runner's own words say what to do.
    const then = isOpen && !text.includes("Raise the task's allowance") ? " Raise it, then send the task on." : "";
    const title = isOpen ? "The allowance is spent" : "The allowance was spent";
    return [element("p", {}, `${title}: ${ended(text)}${then}`)];
}

function unknown({ text }) {
    return [element("p", {}, `Waiting: ${ended(text)}`)];
}

function ended(text) {
    return /[.!?…]$/.test(text) ? text : `${text}.`;
}
