/** The bar at the head of every view. */

import { element, icon } from "../dom.js";

/** A bar with the view's title; `back` is an address, `actions` stand at the right, `below` under it. */
export function bar({ title, back = null, actions = [], below = [] }) {
    const way = back && element("a", { class: "round", href: back, "aria-label": "Back" }, icon("back"));
    const row = element("div", { class: "row" }, way, title, ...actions);
    return element("header", { class: "bar" }, row, ...below);
}

/** The view's title; it takes the focus when the view is opened. */
export function heading(words) {
    return element("h1", { tabindex: "-1" }, words);
}
