/** A step of getting started while it goes on: what it is, for how long, and the last that it printed. */

import { element, unseen } from "../dom.js";
import { duration } from "../format.js";
import { masked } from "../shapes.js";
import { GETTING_READY } from "../words.js";

const TAIL_LINES = 4;
const TICK_MS = 1000;

export class StepEntry {
    #entry;
    #time = element("span", {});
    #state = element("span", { class: "state" });
    #tail = element("pre", { class: "tail" });
    #ticking = 0;

    constructor(entry) {
        this.#entry = entry;
        const words = GETTING_READY[entry.step] ?? entry.step;
        const head = element("p", { class: "head" }, element("span", { class: "command" }, words), this.#state);
        this.node = element("article", { class: "entry tool getting-ready", "aria-label": words }, head, this.#tail);
        this.redraw();
    }

    redraw() {
        const { state, output } = this.#entry;
        const goesOn = state === "running";
        this.node.dataset.state = state;
        const spinner = element("span", { class: "spinner" });
        this.#state.replaceChildren(...(goesOn ? [this.#time, spinner, unseen("running")] : ["not finished"]));
        this.#tail.textContent = masked(output).replace(/\n+$/, "").split("\n").slice(-TAIL_LINES).join("\n");
        this.#tail.hidden = !this.#tail.textContent;
        this.#tick();
        this.#ticking ||= goesOn ? setInterval(() => this.#tick(), TICK_MS) : 0;
    }

    #tick() {
        const { state, time } = this.#entry;
        if (this.#ticking && (state !== "running" || !this.node.isConnected)) {
            clearInterval(this.#ticking);
            this.#ticking = 0;
        }
        // A phone's clock may be behind the server's.
        this.#time.textContent = duration(Math.max(0, Math.floor((Date.now() - Date.parse(time)) / 1000)));
    }
}
