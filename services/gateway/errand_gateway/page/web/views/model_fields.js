/** Which model works on the tasks of a project, or on one task, as fields of a form. */

import { element } from "../dom.js";

const EFFORTS = {
    "": "The model's own",
    low: "Low: quick and cheap",
    medium: "Medium",
    high: "High",
    xhigh: "Very high",
    max: "All that it can",
};
const DISPLAYS = { "": "A summary", omitted: "Nothing" };
const MODEL = "As the model's service calls it, such as claude-opus-5-5. Empty:";
/** Whose the model is that works where none is named. */
export const OF_HOST = { placeholder: "the host's own", hint: "the one that the host is set up with." };
export const OF_PROJECT = { placeholder: "the project's", hint: "the project's." };
const NOTHING = { model: "", effort: "", thinking_display: "" };

export class ModelFields {
    #model = element("input", {
        id: "model",
        type: "text",
        maxlength: "128",
        autocomplete: "off",
        autocapitalize: "none",
        autocorrect: "off",
        spellcheck: "false",
        "aria-describedby": "model-hint",
    });
    #effort = element("select", { id: "effort" }, ...options(EFFORTS));
    #display = element("select", { id: "thinking-display" }, ...options(DISPLAYS));

    /** `onInput` is called when something was changed. */
    constructor(onInput, { placeholder, hint } = OF_HOST) {
        this.#model.placeholder = placeholder;
        this.node = element(
            "fieldset",
            { class: "group", disabled: true },
            element("label", { for: "model" }, "Model"),
            this.#model,
            element("p", { id: "model-hint", class: "hint" }, `${MODEL} ${hint}`),
            element("label", { for: "effort" }, "Effort"),
            this.#effort,
            element("label", { for: "thinking-display" }, "Shown of its thoughts"),
            this.#display,
        );
        this.node.addEventListener("input", onInput);
    }

    /** Show what is set. */
    show(choice) {
        const { model, effort, thinking_display } = choice ?? NOTHING;
        this.#model.value = model;
        this.#effort.value = effort;
        // A summary is what is shown anyhow.
        this.#display.value = thinking_display === "omitted" ? "omitted" : "";
        this.node.disabled = false;
    }

    /** What is set now. */
    get value() {
        return {
            model: this.#model.value.trim(),
            effort: this.#effort.value,
            thinking_display: this.#display.value,
        };
    }

    /** Whether something else is set than this. */
    differsFrom(choice) {
        return text(this.value) !== text(choice ?? NOTHING);
    }
}

function options(words) {
    return Object.entries(words).map(([value, shown]) => element("option", { value }, shown));
}

function text({ model, effort, thinking_display }) {
    return JSON.stringify([model, effort, thinking_display === "omitted"]);
}
