/** Something that folds out over the page, and folds away when the person turns to something else. */

import { element } from "../dom.js";

/** A folding of a class, with what opens it and what it then shows. */
export function menu(kind, opener, ...content) {
    const node = element("details", { class: kind }, opener, element("div", { class: "menu" }, ...content));
    const away = ({ target }) => !node.contains(target) && fold(node);
    node.addEventListener("toggle", () => {
        if (node.open) {
            document.addEventListener("pointerdown", away);
        } else {
            document.removeEventListener("pointerdown", away);
        }
    });
    node.addEventListener("keydown", ({ key }) => {
        if (key === "Escape") {
            fold(node);
            opener.focus();
        }
    });
    return node;
}

function fold(node) {
    node.open = false;
}
