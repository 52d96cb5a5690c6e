/** What decides whether the work of a project's tasks holds, as fields of a form. */

import { AS_TYPED, element } from "../dom.js";
import { grow } from "./grow.js";

const SCRIPT =
    "Run by bash once Claude is done and its branch is pushed: in a sandbox of its own, cloned from that branch and set " +
    "up anew, with the same network. Where it fails Claude may mend it, twice at most; the task says how it ended. " +
    "Empty: nothing is checked.";
const USUAL_MINUTES = 15;
const NOTHING = { script: "", limit_duration: 60 * USUAL_MINUTES };

export class CheckFields {
    #script = element("textarea", {
        id: "check-script",
        class: "code",
        rows: "2",
        ...AS_TYPED,
        placeholder: "npm test",
        "aria-describedby": "check-script-hint",
    });
    #minutes = element("input", { id: "check-limit", type: "number", inputmode: "decimal", min: "0.2", max: "60", step: "any" });

    /** `onInput` is called when something was changed. */
    constructor(onInput) {
        this.node = element(
            "fieldset",
            { class: "group", disabled: true },
            element("label", { for: "check-script" }, "Check"),
            this.#script,
            element("p", { id: "check-script-hint", class: "hint" }, SCRIPT),
            element("label", { for: "check-limit" }, "Minutes that the check may take"),
            this.#minutes,
        );
        this.node.addEventListener("input", onInput);
    }

    /** Show what is set. */
    show(check) {
        const { script, limit_duration: limitS } = check ?? NOTHING;
        this.#script.value = script;
        this.#minutes.value = limitS / 60;
        this.node.disabled = false;
        grow(this.#script);
    }

    /** What is set now. */
    get value() {
        const minutes = this.#minutes.value === "" ? USUAL_MINUTES : Number(this.#minutes.value);
        return { script: this.#script.value, limit_duration: minutes * 60 };
    }

    /** Whether something else is set than this. */
    differsFrom(check) {
        const { script, limit_duration: limitS } = check ?? NOTHING;
        return this.value.script !== script || this.value.limit_duration !== limitS;
    }
}
