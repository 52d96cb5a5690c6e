/** What the tasks of a project may spend, or one task, as fields of a form; folded away while nothing is set. */

import { amountOf, LIMITS, valueOf } from "../allowance.js";
import { element } from "../dom.js";

export const NOTHING_TYPED = Object.fromEntries(LIMITS.map(({ field }) => [field, ""]));
/** What holds where nothing is typed. */
export const FOR_PROJECT = "Of a new task, over all that it does. At a limit it waits until you raise it. Empty: as the host is set up.";
export const FOR_TASK = "At a limit it waits until you raise it. What is empty has no limit, nor has a 0; all empty: as in the project.";

export class AllowanceFields {
    #boxes = LIMITS.map((limit) => [limit, box(limit)]);
    /** What is set may be no amount that a person would type: where its text is left alone, so is it. */
    #set = {};

    /** `onInput` is called when something was changed. */
    constructor(onInput, hint) {
        const fields = this.#boxes.map(([{ name }, input]) =>
            element("div", {}, element("label", { for: input.id }, name), input),
        );
        this.node = element(
            "details",
            { class: "more" },
            element("summary", {}, "Allowance"),
            element("div", { class: "limits" }, ...fields),
            element("p", { class: "hint" }, hint),
        );
        this.node.addEventListener("input", onInput);
        this.#enable(false);
    }

    /** Show an allowance that is set. */
    show(allowance) {
        const shown = ({ field, unit }) => (allowance?.[field] ? String(allowance[field] / unit) : "");
        const texts = Object.fromEntries(LIMITS.map((limit) => [limit.field, shown(limit)]));
        this.#set = Object.fromEntries(LIMITS.map(({ field }) => [field, { text: texts[field], value: allowance?.[field] ?? 0 }]));
        this.type(texts);
    }

    /** Show what was typed before. */
    type(typed) {
        for (const [{ field }, input] of this.#boxes) {
            input.value = typed[field];
        }
        this.node.open = this.isTyped;
        this.#enable(true);
    }

    /** What is typed, by field. */
    get typed() {
        return Object.fromEntries(this.#boxes.map(([{ field }, input]) => [field, input.value]));
    }

    /** Whether something is. */
    get isTyped() {
        return Object.values(this.typed).some((text) => text.trim());
    }

    /** What is wrong with what is typed, in words; empty where nothing is. */
    get error() {
        return this.#read.map(([, { error }]) => error).find(Boolean) ?? "";
    }

    /** What is typed as an allowance; what is empty or wrong has no limit. */
    get value() {
        return Object.fromEntries(this.#read.map(([{ field }, { value }]) => [field, value ?? 0]));
    }

    /** Whether something else is typed than this. */
    differsFrom(allowance) {
        return Boolean(this.error) || LIMITS.some(({ field }) => this.value[field] !== (allowance?.[field] ?? 0));
    }

    get #read() {
        return this.#boxes.map(([limit, { value }]) => [limit, this.#valueOf(limit, value)]);
    }

    #valueOf(limit, text) {
        const set = this.#set[limit.field];
        if (set?.text === text) {
            return set;
        }
        const { amount, error } = text.trim() ? amountOf(limit, text) : { amount: 0 };
        return error ? { error } : { value: valueOf(limit, amount) };
    }

    #enable(enabled) {
        for (const [, input] of this.#boxes) {
            input.disabled = !enabled;
        }
    }
}

function box({ field }) {
    const id = `allowance-${field.replace("_", "-")}`;
    return element("input", { id, type: "text", inputmode: "decimal", maxlength: "20", autocomplete: "off", placeholder: "–" });
}
