/** What this browser keeps for the person. One that refuses cookies refuses this too: then nothing is kept. */

const PREFIX = "errand.";

/** What was kept under a name; undefined where there is nothing. */
export function kept(name) {
    try {
        return JSON.parse(localStorage.getItem(PREFIX + name)) ?? undefined;
    } catch {
        return undefined;
    }
}

/** Keep a value of JSON; undefined forgets it. */
export function keep(name, value) {
    try {
        if (value === undefined) {
            localStorage.removeItem(PREFIX + name);
        } else {
            localStorage.setItem(PREFIX + name, JSON.stringify(value));
        }
    } catch {
        // Full or refused: the page works without.
    }
}

/** Forget everything that was kept. */
export function forgetAll() {
    try {
        for (const name of Object.keys(localStorage).filter((each) => each.startsWith(PREFIX))) {
            localStorage.removeItem(name);
        }
    } catch {
        // Refused: there is nothing to forget.
    }
}
