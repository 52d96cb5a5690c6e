/** The entries of a story in their order; words that are still on their way always stand last. */

export class Entries {
    #entries = [];
    #byKey = new Map();

    /** Oldest first. An entry's `version` rises when it changes. */
    get all() {
        return this.#entries;
    }

    /** The newest of those that will stay. */
    get lastSettled() {
        return this.#entries[this.#settledEnd() - 1];
    }

    /** The same, but for those of a kind. */
    lastSettledBut(kind) {
        return this.#entries.slice(0, this.#settledEnd()).findLast((entry) => entry.kind !== kind);
    }

    /** The entry of a key; undefined where there is none. */
    find(key) {
        return this.#byKey.get(key);
    }

    /** Add one, and give it; without a key it is never asked for again. */
    add(key, fields) {
        const entry = { key, version: 0, ...fields };
        // Words on their way overtake what is stored before them: they stay behind it.
        this.#entries.splice(entry.live ? this.#entries.length : this.#settledEnd(), 0, entry);
        if (key !== null) {
            this.#byKey.set(key, entry);
        }
        return entry;
    }

    /** Change some fields of one. */
    change(entry, fields) {
        Object.assign(entry, fields);
        entry.version += 1;
    }

    /** Take one back; without it, nothing. */
    remove(key) {
        const entry = this.#byKey.get(key);
        this.#byKey.delete(key);
        this.#entries = this.#entries.filter((each) => each !== entry);
    }

    /** Take back words on their way that no message will cover. */
    dropUnfinished(isVoid = () => true) {
        const dropped = this.#entries.slice(this.#settledEnd()).filter(isVoid);
        dropped.forEach((entry) => this.#byKey.delete(entry.key));
        if (dropped.length) {
            this.#entries = this.#entries.filter((entry) => !dropped.includes(entry));
        }
    }

    /** Change those that run. */
    changeRunning(fields) {
        this.#entries.filter(({ state }) => state === "running").forEach((entry) => this.change(entry, fields));
    }

    #settledEnd() {
        let end = this.#entries.length;
        while (end > 0 && this.#entries[end - 1].live) {
            end -= 1;
        }
        return end;
    }
}
