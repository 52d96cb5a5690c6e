/** Somebody came with a sign-in link: it is spent, and leads in or on to GitHub. */

import { ask } from "../api.js";
import { cookiesAreKept, cookieWords } from "../cookies.js";
import { element, isWebAddress } from "../dom.js";
import { wordsOf } from "../problem.js";

export class OpeningView {
    title = "Signing in";
    node = element(
        "main",
        { class: "gate" },
        element("h1", { tabindex: "-1" }, "Errand"),
        element("p", { role: "status" }, "Signing you in…"),
    );

    close() {}
}

/** Spend a link; returns the words of what went wrong, empty when the person is in or on the way to GitHub. */
export async function spend(secret, { arrived }) {
    if (!cookiesAreKept()) {
        // Not spent: it would be good for nothing.
        return cookieWords("open the same link again: it is still good.");
    }
    try {
        const { signed_in: signedIn, location: onward } = await ask("POST", "/auth/link", { secret });
        if (!signedIn && isWebAddress(onward)) {
            location.assign(onward);
            return "";
        }
        return (await arrived()) ? "" : cookieWords("make a new link with: make link");
    } catch (error) {
        return wordsOf(error);
    }
}
