/** A host that was blocked, with the tap that allows it. */

import { button, element } from "../dom.js";
import { wordsOf } from "../problem.js";

export class BlockedEntry {
    #row;

    constructor(entry, hosts) {
        this.#row = new BlockedRow(entry.host, hosts);
        this.node = element("article", { class: "entry blocked", "aria-label": "Blocked host" }, this.#row.node);
    }

    redraw() {
        this.#row.redraw();
    }
}

export class BlockedRow {
    #host;
    #hosts;
    #words = element("p", {});
    #allow;
    #error = element("p", { class: "hint", role: "alert", hidden: true });

    /** `hosts` knows what the project allows. */
    constructor(host, hosts) {
        this.#host = host;
        this.#hosts = hosts;
        this.#allow = button("Allow", { "aria-label": `Allow ${host}`, onclick: () => this.#tapped() });
        this.node = element("div", { class: "blocked-host" }, this.#words, this.#allow, this.#error);
        this.redraw();
    }

    redraw() {
        const isAllowed = this.#hosts.isAllowed(this.#host);
        const after = isAllowed ? ", which the project allows now" : "";
        this.#words.replaceChildren("Blocked: ", element("code", {}, this.#host), after);
        this.#allow.hidden = isAllowed;
    }

    async #tapped() {
        this.#allow.disabled = true;
        this.#error.hidden = true;
        try {
            await this.#hosts.allow(this.#host);
        } catch (error) {
            this.#error.textContent = wordsOf(error);
            this.#error.hidden = false;
        } finally {
            this.#allow.disabled = false;
        }
    }
}
