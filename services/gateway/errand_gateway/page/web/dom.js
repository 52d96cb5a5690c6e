/**
 * Builds the page's nodes. Text is always text: what a model or a repository says never becomes markup, and what has the
 * shape of a token is masked in it.
 */

import { masked } from "./shapes.js";

const SVG = "http://www.w3.org/2000/svg";
/** Of a field that takes names and code: nothing is filled in, set in capitals or corrected. */
export const AS_TYPED = { autocomplete: "off", autocapitalize: "none", autocorrect: "off", spellcheck: "false" };

/**
 * A node. Properties named `on…` are listeners, others attributes; false, null and undefined ones are left out.
 * Children are nodes or text; null and false ones are left out.
 */
export function element(tag, properties = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
        if (value === undefined || value === null || value === false) {
            continue;
        }
        if (name.startsWith("on")) {
            node.addEventListener(name.slice(2), value);
        } else {
            node.setAttribute(name, value === true ? "" : value);
        }
    }
    const there = children.filter((child) => child !== null && child !== undefined && child !== false);
    node.append(...there.map((child) => (child instanceof Node ? child : masked(String(child)))));
    return node;
}

/** A link that opens elsewhere; only its words where the address is not one of the web. */
export function webLink(address, properties, ...children) {
    if (!isWebAddress(address)) {
        return element("span", {}, ...children);
    }
    return element("a", { ...properties, href: address, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

/** Whether an address is http:// or https://. */
export function isWebAddress(address) {
    try {
        return ["http:", "https:"].includes(new URL(address).protocol);
    } catch {
        return false;
    }
}

/** A button that submits nothing. */
export function button(words, properties = {}, ...children) {
    return element("button", { type: "button", ...properties }, words, ...children);
}

/** Change a node's words, only where they differ: a change is read aloud, and takes the selection away. */
export function say(node, words) {
    const shown = masked(words);
    if (node.textContent !== shown) {
        node.textContent = shown;
    }
}

/** One of the page's drawings; it says nothing to those who cannot see it. */
export function icon(name) {
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("class", "icon");
    drawing.setAttribute("viewBox", "0 0 24 24");
    drawing.setAttribute("aria-hidden", "true");
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", DRAWINGS[name]);
    drawing.append(path);
    return drawing;
}

/** Words for those who cannot see what others see. */
export function unseen(words) {
    return element("span", { class: "unseen" }, words);
}

const DRAWINGS = {
    back: "M15 5l-7 7 7 7",
    more: "M9 5l7 7-7 7",
    down: "M12 5v14M6 13l6 6 6-6",
    plus: "M12 5v14M5 12h14",
    check: "M5 13l4 4L19 7",
    cross: "M6 6l12 12M18 6L6 18",
    lock: "M7 11V8a5 5 0 0 1 10 0v3M5 11h14v9H5z",
    pull:
        "M7 8v8M7 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM7 20a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM17 16a2 2 0 1 0 0 4 2 2 0 0 0 0-4z" +
        "M17 16V9a3 3 0 0 0-3-3h-3",
    out: "M14 5h5v5M19 5l-8 8M18 14v5H5V6h5",
};
