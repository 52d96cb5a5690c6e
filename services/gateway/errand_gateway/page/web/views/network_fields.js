/** What the tasks of a project reach, as fields of a form. */

import { AS_TYPED, element } from "../dom.js";
import { grow } from "./grow.js";

const MODES = {
    none: "Nothing but git and this repository",
    allow_list: "Only the hosts below",
    open: "Every public host",
};
const MODE = "By HTTPS and by name; never addresses, other ports, or anything on the host's own network.";
const HOSTS = "One a line, such as api.example.com; *.example.com stands for all below example.com.";
const NOTHING = { mode: "none", presets: [], hosts: [] };

export class NetworkFields {
    #presets = [];
    #mode = element("select", { id: "egress-mode", "aria-describedby": "egress-mode-hint" }, ...options());
    #boxes = element("div", { class: "boxes" });
    #hosts = element("textarea", {
        id: "egress-hosts",
        class: "code",
        rows: "3",
        ...AS_TYPED,
        placeholder: "api.example.com",
        "aria-describedby": "egress-hosts-hint",
    });
    #lists = element("details", {}, element("summary", {}, "Lists that come with Errand"), this.#boxes);
    #listed = element(
        "div",
        { class: "listed" },
        this.#lists,
        element("label", { for: "egress-hosts" }, "Hosts"),
        this.#hosts,
        element("p", { id: "egress-hosts-hint", class: "hint" }, HOSTS),
    );

    /** `onInput` is called when something was changed. */
    constructor(onInput) {
        this.node = element(
            "fieldset",
            { class: "network", disabled: true },
            element("label", { for: "egress-mode" }, "Network"),
            this.#mode,
            element("p", { id: "egress-mode-hint", class: "hint" }, MODE),
            this.#listed,
        );
        this.node.addEventListener("input", () => {
            this.#draw();
            onInput();
        });
        this.#draw();
    }

    /** Show what is set; `presets` are all that there are. */
    show(egress, presets) {
        const { mode, presets: chosen, hosts } = egress ?? NOTHING;
        this.#presets = presets.map(({ name, title }) => [name, title, box(name, chosen.includes(name))]);
        this.#boxes.replaceChildren(...this.#presets.map(([, title, input]) => element("label", { class: "choice" }, input, title)));
        this.#mode.value = mode;
        this.#hosts.value = hosts.join("\n");
        this.node.disabled = false;
        this.#draw();
        grow(this.#hosts);
    }

    /** What is set now. */
    get value() {
        return {
            mode: this.#mode.value,
            presets: this.#presets.filter(([, , input]) => input.checked).map(([name]) => name),
            hosts: this.#hosts.value.split(/[\s,]+/).filter(Boolean),
        };
    }

    /** Whether something else is set than this. */
    differsFrom(egress) {
        return text(this.value) !== text(egress ?? NOTHING);
    }

    #draw() {
        this.#listed.hidden = this.#mode.value !== "allow_list";
        const chosen = this.#presets.filter(([, , input]) => input.checked);
        this.#lists.firstChild.textContent = `Lists that come with Errand: ${chosen.length} chosen`;
    }
}

function options() {
    return Object.entries(MODES).map(([value, words]) => element("option", { value }, words));
}

function box(name, checked) {
    return element("input", { type: "checkbox", name, checked });
}

function text({ mode, presets, hosts }) {
    return JSON.stringify([mode, [...presets].sort(), [...hosts].sort()]);
}
