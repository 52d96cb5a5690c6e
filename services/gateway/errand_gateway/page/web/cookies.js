/** Whether this browser keeps cookies for this address, and what to do where it does not. */

const PROBE = "errand_probe";
const CURE =
    "This browser refuses cookies for this address, and without them Errand cannot know you. Allow cookies for this " +
    "site in the browser's settings (the sign left of the address leads there), or leave the private window; then ";

/** Whether one is kept. Browsers that refuse them may still say that they are enabled. */
export function cookiesAreKept() {
    document.cookie = `${PROBE}=1; SameSite=Lax; Path=/`;
    const kept = document.cookie.includes(`${PROBE}=1`);
    document.cookie = `${PROBE}=; Max-Age=0; SameSite=Lax; Path=/`;
    return kept;
}

/** Words for who refuses them; `then` is what to do once they are allowed. */
export function cookieWords(then) {
    return CURE + then;
}
