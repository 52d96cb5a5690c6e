/** Words of Errand's own that name an address: that is a link in them. */

import { webLink } from "./dom.js";
import { masked } from "./shapes.js";

const ADDRESS = /https?:\/\/[^\s<>"'()]+/g;
/** What ends a sentence, and is not the address's. */
const END = /[.,;:!?]+$/;

/** The text in pieces: strings, and links for the addresses in it. What has the shape of a token leads nowhere. */
export function linked(text) {
    const pieces = [];
    let from = 0;
    for (const { 0: found, index } of text.matchAll(ADDRESS)) {
        const address = found.replace(END, "");
        if (masked(address) === address) {
            pieces.push(text.slice(from, index), webLink(address, { class: "place" }, address));
            from = index + address.length;
        }
    }
    return [...pieces, text.slice(from)].filter((piece) => piece !== "");
}
