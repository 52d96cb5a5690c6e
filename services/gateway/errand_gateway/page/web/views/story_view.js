/** A story on the screen: drawn at most once a frame, and never more of it at once than a phone can carry. */

import { button, element } from "../dom.js";
import { counted } from "../format.js";
import { drawn } from "./entries.js";

/** How many entries are added when the person asks for earlier ones; twice as many are the most while following. */
const PORTION = 200;

export class StoryView {
    #story;
    #ways;
    #onDrawn;
    #onEarlier;
    #earlier = button("", { class: "plain wide", hidden: true, onclick: () => this.#showEarlier() });
    #list = element("div", { class: "entries" });
    #parts = new Map();
    #from = null;
    #frame = 0;

    /**
     * The `ways` are those of `drawn`; `onDrawn` is called after each drawing, `onEarlier` before earlier entries are
     * shown.
     */
    constructor({ ways, onDrawn, onEarlier }) {
        this.#ways = ways;
        this.#onDrawn = onDrawn;
        this.#onEarlier = onEarlier;
        this.node = element("section", { class: "story", "aria-label": "What happened" }, this.#earlier, this.#list);
    }

    /** Show this story from now on. */
    show(story) {
        this.#story = story;
        this.#from = null;
        this.changed();
    }

    /** The story changed: it is drawn with the next frame. */
    changed() {
        this.#frame ||= requestAnimationFrame(() => {
            this.#frame = 0;
            this.#draw();
        });
    }

    /** Draw everything again. */
    redraw() {
        this.#parts.forEach(({ part }) => part.redraw());
    }

    /** Nothing is drawn any more. */
    close() {
        cancelAnimationFrame(this.#frame);
    }

    /** Let go of the oldest while nobody looks at them. */
    trim() {
        if (this.#story.entries.length - (this.#from ?? 0) > 2 * PORTION) {
            this.#from = this.#story.entries.length - PORTION;
            this.changed();
        }
    }

    #draw() {
        if (this.#story.replayed) {
            this.#from = Math.min(this.#from ?? this.#beginning(), this.#story.entries.length);
            this.#place(this.#story.entries.slice(this.#from));
            this.#earlier.hidden = this.#from === 0;
            this.#earlier.textContent = `Show earlier: ${counted(this.#from, "entry").replace("entrys", "entries")}`;
        }
        this.#onDrawn();
    }

    #beginning() {
        return Math.max(0, this.#story.entries.length - PORTION);
    }

    #place(entries) {
        let at = this.#list.firstChild;
        for (const entry of entries) {
            const { node } = this.#part(entry);
            if (node === at) {
                at = at.nextSibling;
            } else {
                this.#list.insertBefore(node, at);
            }
        }
        while (at) {
            const next = at.nextSibling;
            at.remove();
            at = next;
        }
        const kept = new Set(entries);
        for (const entry of this.#parts.keys()) {
            if (!kept.has(entry)) {
                this.#parts.delete(entry);
            }
        }
    }

    #part(entry) {
        const known = this.#parts.get(entry);
        if (!known) {
            const part = drawn(entry, this.#ways);
            this.#parts.set(entry, { part, node: part.node, version: entry.version });
        } else if (known.version !== entry.version) {
            known.version = entry.version;
            known.part.redraw();
        }
        return this.#parts.get(entry);
    }

    #showEarlier() {
        this.#onEarlier();
        const before = document.documentElement.scrollHeight;
        this.#from = Math.max(0, this.#from - PORTION);
        this.#draw();
        if (!CSS.supports("overflow-anchor", "auto")) {
            window.scrollBy(0, document.documentElement.scrollHeight - before);
        }
    }
}
