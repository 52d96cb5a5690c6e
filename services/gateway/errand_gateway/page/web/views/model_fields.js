/** Which model works on the tasks of a project, or on one task, as fields of a form. */

import { AS_TYPED, element } from "../dom.js";

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
const OF_HOST = { placeholder: "the host's own", hint: "the one that the host is set up with." };
export const OF_PROJECT = { placeholder: "the project's", hint: "the project's." };
const FALLBACK = "Goes on with a task that the first one declines, in a conversation begun anew. Empty: none.";
const NOTHING = { model: "", effort: "", thinking_display: "", fallback_model: "" };

export class ModelFields {
    #model = element("input", {
        id: "model",
        type: "text",
        maxlength: "128",
        "aria-describedby": "model-hint",
        ...AS_TYPED,
    });
    #fallback = element("input", {
        id: "fallback-model",
        type: "text",
        maxlength: "128",
        "aria-describedby": "fallback-hint",
        ...AS_TYPED,
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
            element("label", { for: "fallback-model" }, "Where it declines"),
            this.#fallback,
            element("p", { id: "fallback-hint", class: "hint" }, FALLBACK),
        );
        this.node.addEventListener("input", onInput);
    }

    /** Show what is set. */
    show(choice) {
        const { model, effort, thinking_display, fallback_model } = { ...NOTHING, ...choice };
        this.#fallback.value = fallback_model;
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
            fallback_model: this.#fallback.value.trim(),
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

function text({ model, effort, thinking_display, fallback_model }) {
    return JSON.stringify([model, effort, thinking_display === "omitted", fallback_model ?? ""]);
}
