/** A tool call: one line with its command, the end of its output, and all of it when it is opened. */

import { button, element, icon, unseen } from "../dom.js";
import { duration } from "../format.js";
import { wordsOf } from "../problem.js";
import { masked } from "../shapes.js";
import { outputOf, picturesOf } from "../transcript.js";
import { inputNodes } from "./tool_input.js";

const TAIL_LINES = 8;
const SHOWN_CHARACTERS = 50_000;
/** The tools whose output is what happened. */
const TELLING = ["bash", "bash_output", "kill", "wait"];
/** What the runner's bash gives for a command that gave nothing. */
const NOTHING = /^\(no output\)\s*$/;
/** How it ends what it gives: a code other than 0 is an answer, not an error of the tool. */
const EXIT = /\[exit code (\d+) after [\d.]+ s\]\s*$/;

export class ToolEntry {
    #entry;
    #whole;
    #head;
    #state = element("span", { class: "state" });
    #tail = element("pre", { class: "tail" });
    #body = element("div", { class: "body", hidden: true });

    constructor(entry, whole) {
        this.#entry = entry;
        this.#whole = whole;
        const sign = element("span", { class: "sign" }, entry.name === "bash" ? "$" : entry.name);
        const command = element("span", { class: "command" }, sign, " ", entry.summary);
        const folding = { class: "head", "aria-expanded": "false", onclick: () => this.#fold() };
        this.#head = button(command, folding, this.#state);
        this.node = element("article", { class: "entry tool", "aria-label": `Tool ${entry.name}` });
        this.node.append(this.#head, this.#tail, this.#body);
        this.redraw();
    }

    redraw() {
        const { output } = this.#entry;
        this.node.dataset.state = this.#outcome();
        this.#state.replaceChildren(...this.#stateNodes());
        const shown = this.#showsTail() ? lastLines(masked(output).replace(EXIT, "").replace(NOTHING, "")) : "";
        this.#tail.textContent = shown;
        this.#tail.hidden = !shown || !this.#body.hidden;
    }

    /** Of files that were read or written the output is no news. */
    #showsTail() {
        return TELLING.includes(this.#entry.name) || this.#entry.state !== "done";
    }

    #outcome() {
        const { name, state, output } = this.#entry;
        const code = name === "bash" && state === "done" ? EXIT.exec(output)?.[1] : undefined;
        return code && code !== "0" ? "exit" : state;
    }

    #stateNodes() {
        const took = this.#entry.duration === undefined ? "" : duration(this.#entry.duration);
        switch (this.#outcome()) {
            case "running":
                return [element("span", { class: "spinner" }), unseen("running")];
            case "done":
                return [took, icon("check"), unseen("done")];
            case "exit":
                return [`exit ${EXIT.exec(this.#entry.output)[1]} · ${took}`];
            case "interrupted":
                return ["interrupted"];
        }
        return [`failed · ${took}`, icon("cross")];
    }

    #fold() {
        const opens = this.#body.hidden;
        this.#body.hidden = !opens;
        this.#head.setAttribute("aria-expanded", String(opens));
        this.redraw();
        if (opens) {
            this.#read();
        }
    }

    async #read() {
        this.#body.replaceChildren(element("p", { class: "faint" }, "Reading…"));
        try {
            const call = await this.#whole.toolCall(this.#entry.key);
            this.#body.replaceChildren(...(call ? wholeNodes(call) : [element("p", {}, "This call is not stored.")]));
        } catch (error) {
            const again = button("Try again", { class: "plain", onclick: () => this.#read() });
            this.#body.replaceChildren(element("p", { class: "hint", role: "alert" }, wordsOf(error)), again);
        }
    }
}

function wholeNodes(call) {
    const output = outputOf(call);
    return [
        element("p", { class: "label" }, "Input"),
        ...inputNodes(call.tool_name, call.input),
        element("p", { class: "label" }, "Output"),
        // Before it is cut: half of a token has no shape.
        output ? long(masked(output)) : element("p", { class: "faint" }, "Still running: what it gives is stored at its end."),
        ...picturesOf(call).map(shown),
    ];
}

function shown(picture) {
    const address = URL.createObjectURL(picture);
    const image = element("img", { class: "picture", src: address, alt: "What Claude was shown" });
    for (const end of ["load", "error"]) {
        image.addEventListener(end, () => URL.revokeObjectURL(address), { once: true });
    }
    return image;
}

/** All of a text, a piece at a time. */
function long(text) {
    const pre = element("pre", { tabindex: "0" }, text.slice(0, SHOWN_CHARACTERS));
    const box = element("div", {}, pre);
    const more = button("Show more", {
        class: "plain",
        onclick: () => {
            pre.append(text.slice(pre.textContent.length, pre.textContent.length + SHOWN_CHARACTERS));
            more.hidden = pre.textContent.length >= text.length;
        },
    });
    more.hidden = text.length <= SHOWN_CHARACTERS;
    box.append(more);
    return box;
}

function lastLines(text) {
    return text.replace(/\n+$/, "").split("\n").slice(-TAIL_LINES).join("\n");
}
