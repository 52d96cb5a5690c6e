/** Not signed in: the ways in, and what went wrong. */

import { ask } from "../api.js";
import { cookiesAreKept, cookieWords } from "../cookies.js";
import { element } from "../dom.js";
import { wordsOf } from "../problem.js";

const START = "/auth/start?client=web";

export class GateView {
    title = "Sign in";
    #ways = element("div", { class: "ways" });

    /** `words` say why one is here, where there is more to say than that nobody is signed in. */
    constructor(words = "") {
        const refused = cookiesAreKept() ? "" : cookieWords("reload this page.");
        const told = words || refused;
        this.node = element(
            "main",
            { class: "gate" },
            element("h1", { tabindex: "-1" }, "Errand"),
            element("p", { class: "lead" }, "Send a coding agent on errands."),
            told && element("p", { class: "notice bad", role: "alert" }, told),
            this.#ways,
            this.#link(),
        );
        this.#read();
    }

    close() {}

    #link() {
        return element(
            "section",
            { class: "card" },
            element("h2", {}, "With a link"),
            element("p", {}, "On the machine that runs Errand, this prints a link and a code to scan:"),
            element("pre", {}, "make link"),
            element("p", { class: "faint" }, "A link works once, within 15 minutes."),
        );
    }

    async #read() {
        try {
            const { github } = await ask("GET", "/auth/methods");
            if (github) {
                this.#ways.append(element("a", { class: "button primary wide", href: START }, "Sign in with GitHub"));
            }
        } catch (error) {
            this.#ways.append(element("p", { class: "notice bad", role: "alert" }, wordsOf(error)));
        }
    }
}
