/** Text on its way: pieces that say how much came before them, so that none is shown twice and a hole is seen. */

/** Words and thoughts: what is missing is marked where it is missing. */
export const IN_WORDS = { before: "… ", between: " … " };
/** Output: what is missing has a line of its own. */
export const IN_OUTPUT = { before: "…\n", between: "\n…\n" };

/** Nothing was heard yet; `end` counts the characters (code points) up to which all was heard or is missing. */
export const NOTHING_HEARD = { text: "", end: 0, holed: false };

/** What is shown with one more piece. */
export function withPiece(heard, { text, offset }, marks) {
    const fresh = Array.from(text).slice(Math.max(0, heard.end - offset));
    const end = Math.max(heard.end, offset) + fresh.length;
    if (offset <= heard.end) {
        return { ...heard, text: heard.text + fresh.join(""), end };
    }
    const mark = heard.text ? marks.between : marks.before;
    return { text: heard.text + mark + text, end, holed: true };
}

/** What is shown instead of all that was heard. */
export function fromSnapshot(snapshot, marks) {
    return withPiece(NOTHING_HEARD, snapshot, marks);
}
