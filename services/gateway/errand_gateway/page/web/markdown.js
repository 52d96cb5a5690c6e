/** Claude's words as nodes: the little of Markdown that helps to read them. Links stay text. */

import { element } from "./dom.js";

const FENCE = /^\s*(```|~~~)/;
const HEADING = /^#{1,6}\s+(.*)$/;
const BULLET = /^(\s*)[-*+]\s+(.*)$/;
const NUMBERED = /^(\s*)\d{1,9}[.)]\s+(.*)$/;
const INLINE = /(`[^`\n]+`|\*\*[^*\n]+\*\*)/;

/** The blocks of a text. */
export function blocksOf(text) {
    const lines = text.split("\n");
    const blocks = [];
    for (let at = 0; at < lines.length; ) {
        const [block, next] = blockAt(lines, at);
        if (block) {
            blocks.push(block);
        }
        at = next;
    }
    return blocks;
}

function blockAt(lines, at) {
    const line = lines[at];
    if (!line.trim()) {
        return [null, at + 1];
    }
    if (FENCE.test(line)) {
        return code(lines, at);
    }
    const heading = HEADING.exec(line);
    if (heading) {
        return [element("p", { class: "heading" }, ...inline(heading[1])), at + 1];
    }
    for (const [tag, pattern] of [["ul", BULLET], ["ol", NUMBERED]]) {
        if (pattern.test(line)) {
            return list(lines, at, tag, pattern);
        }
    }
    const end = endOf(lines, at + 1, (each) => each.trim() && !startsBlock(each));
    return [element("p", {}, ...inline(lines.slice(at, end).join("\n"))), end];
}

function code(lines, at) {
    const fence = FENCE.exec(lines[at])[1];
    const end = endOf(lines, at + 1, (each) => !each.trim().startsWith(fence));
    return [element("pre", { tabindex: "0" }, lines.slice(at + 1, end).join("\n")), end + 1];
}

function list(lines, at, tag, pattern) {
    const end = endOf(lines, at, (each) => pattern.test(each));
    const start = tag === "ol" ? Number.parseInt(lines[at], 10) : null;
    const items = lines.slice(at, end).map((line) => element("li", {}, ...inline(pattern.exec(line)[2])));
    return [element(tag, { start }, ...items), end];
}

function inline(text) {
    return text.split(INLINE).filter(Boolean).map((piece) => {
        if (INLINE.test(piece) && piece.startsWith("`")) {
            return element("code", {}, piece.slice(1, -1));
        }
        return INLINE.test(piece) ? element("strong", {}, ...inline(piece.slice(2, -2))) : piece;
    });
}

function startsBlock(line) {
    return [FENCE, HEADING, BULLET, NUMBERED].some((pattern) => pattern.test(line));
}

function endOf(lines, from, belongs) {
    let end = from;
    while (end < lines.length && belongs(lines[end])) {
        end += 1;
    }
    return end;
}
