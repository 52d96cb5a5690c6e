/** Nobody knows yet who is signed in: Errand does not answer, or not as it should. */

import { button, element } from "../dom.js";

export class UnreachableView {
    title = "No answer";

    constructor(words, again) {
        this.node = element(
            "main",
            { class: "gate" },
            element("h1", { tabindex: "-1" }, "Errand"),
            element("p", { class: "notice bad", role: "alert" }, words),
            button("Try again", { class: "primary wide", onclick: again }),
        );
    }

    close() {}
}
