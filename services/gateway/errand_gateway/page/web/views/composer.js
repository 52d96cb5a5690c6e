/** The box at the foot of a task: steer it, answer it, add to it, or send it on. */

import { button, element } from "../dom.js";
import { Draft } from "../draft.js";
import { wordsOf } from "../problem.js";
import { waysOn } from "../ways.js";
import { grow } from "./grow.js";

export class Composer {
    #inputs;
    #onWritten;
    #again;
    #draft;
    #ways = null;
    #text = element("textarea", { id: "words", rows: "1", enterkeyhint: "enter", autocomplete: "off" });
    #label = element("label", { class: "unseen", for: "words" });
    #error = element("p", { class: "notice bad", role: "alert", hidden: true });
    #main = button("Send", { class: "primary", onclick: () => this.#send(this.#ways.main.kind) });
    #other = button("", { hidden: true, onclick: () => this.#send(this.#ways.other.kind) });
    #onward = button("", { hidden: true, onclick: () => this.#sendOn() });
    #sending = false;
    #onItsWay = false;

    /** `onWritten` gets an input that was accepted; `again` sends the task on with nothing added. */
    constructor({ inputs, taskId, onWritten, again }) {
        this.#inputs = inputs;
        this.#onWritten = onWritten;
        this.#again = again;
        this.#draft = new Draft(taskId, { text: "", kind: "queue" });
        this.#text.value = this.#draft.fields.text;
        this.#text.addEventListener("input", () => this.#typed());
        this.#text.addEventListener("keydown", (event) => this.#keyed(event));
        const actions = element("div", { class: "actions" }, this.#onward, this.#other, this.#main);
        this.node = element("div", { class: "composer" }, this.#error, this.#label, this.#text, actions);
        grow(this.#text);
        this.#allow();
    }

    /** Whether nothing is written in the box. */
    get isEmpty() {
        return !this.#text.value.trim();
    }

    /** The task stands so now, and waits for this (null: for nothing). */
    stands(status, wait) {
        const ways = waysOn(status, wait);
        this.#onItsWay = Boolean(wait?.sentOn);
        if (ways !== this.#ways) {
            this.#ways = ways;
            this.#label.textContent = ways.words;
            this.#text.placeholder = ways.words;
            this.#name(this.#main, ways.main.words);
            this.#name(this.#other, ways.other?.words);
            this.#name(this.#onward, ways.again);
        }
        this.#allow();
    }

    /** More words for the box. */
    take(words) {
        this.#text.value = this.isEmpty ? words : `${this.#text.value}\n\n${words}`;
        this.#typed();
        grow.now(this.#text);
    }

    #name(way, words) {
        way.textContent = words ?? "";
        way.hidden = !words;
    }

    #allow() {
        const cannot = this.#sending || !this.#ways || this.isEmpty;
        this.#main.disabled = cannot;
        this.#other.disabled = cannot;
        this.#onward.disabled = this.#sending || this.#onItsWay;
    }

    #typed() {
        this.#draft.change({ text: this.#text.value });
        this.#allow();
    }

    #keyed(event) {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            this.#send(this.#ways?.main.kind);
        }
    }

    async #send(kind) {
        if (this.#main.disabled) {
            return;
        }
        this.#draft.change({ text: this.#text.value, kind });
        const { text } = this.#draft.fields;
        await this.#ask(async () => {
            const input = await this.#inputs.add(text, kind, this.#draft.key);
            this.#accepted(text);
            this.#onWritten(input);
        });
    }

    #sendOn() {
        return this.#ask(() => this.#again());
    }

    async #ask(act) {
        this.#busy(true);
        try {
            await act();
        } catch (error) {
            this.#error.textContent = wordsOf(error);
            this.#error.hidden = false;
        } finally {
            this.#busy(false);
        }
    }

    #accepted(text) {
        this.#draft.accepted();
        // What was typed meanwhile stays.
        this.#text.value = this.#text.value === text ? "" : this.#text.value;
        this.#draft.change({ text: this.#text.value });
        grow.now(this.#text);
    }

    #busy(busy) {
        this.#sending = busy;
        this.#error.hidden = this.#error.hidden || busy;
        this.#allow();
    }
}
