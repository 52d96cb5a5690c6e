/** What Claude gave a tool, as a person wants to read it. */

import { element } from "../dom.js";

const READERS = {
    bash: ({ command }) => [block(command)],
    read: ({ path, first_line: first, line_count: lines }) => [block([path, place(first, lines)].join(""))],
    write: ({ path, content }) => [block(path), block(content, "added")],
    edit: ({ path, old_text: old, new_text: fresh }) => [block(path), block(old, "removed"), block(fresh, "added")],
    glob: ({ pattern, path }) => [block([pattern, within(path)].join(""))],
    grep: ({ pattern, path, glob }) => [block([pattern, within(path), glob ? `, ${glob}` : ""].join(""))],
};

/** The nodes of an input, given as JSON; one of a shape that is not known is shown as it is. */
export function inputNodes(name, json) {
    try {
        const nodes = READERS[name]?.(JSON.parse(json));
        if (nodes) {
            return nodes;
        }
    } catch {
        // Claude may give a tool anything.
    }
    return [block(json)];
}

function block(text, kind = "") {
    if (typeof text !== "string") {
        throw new TypeError("not the input that this tool takes");
    }
    return element("pre", { class: kind, tabindex: "0" }, text);
}

function within(path) {
    return path ? ` in ${path}` : "";
}

function place(first, lines) {
    return first || lines ? `, ${lines ? `${lines} lines ` : ""}from line ${first ?? 1}` : "";
}
