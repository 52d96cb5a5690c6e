/** Something that a person is writing: it survives a reload, and however often it is sent it counts once. */

import { keep, kept } from "./kept.js";

export class Draft {
    #name;
    #fields;

    constructor(name, empty) {
        this.#name = `draft.${name}`;
        this.#fields = { ...empty, key: newKey(), ...kept(this.#name) };
    }

    /** What was written; do not change it in place. */
    get fields() {
        return this.#fields;
    }

    /** Names this content to the server: the same until something is changed. */
    get key() {
        return this.#fields.key;
    }

    /** Something was written. */
    change(fields) {
        const changed = Object.entries(fields).some(([name, value]) => this.#fields[name] !== value);
        if (changed) {
            this.#fields = { ...this.#fields, ...fields, key: newKey() };
            keep(this.#name, this.#fields);
        }
    }

    /** It was accepted: what is written next is new. */
    accepted() {
        keep(this.#name, undefined);
        this.#fields = { ...this.#fields, key: newKey() };
    }
}

/** A name for something that is to count once. */
export function newKey() {
    // Not randomUUID: over plain http browsers have it for this machine alone.
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
