/** Keeps the newest in view while the person is at the end of the page, and leaves them alone elsewhere. */

const NEAR_PX = 80;

export class Follow {
    #following = true;
    #y = 0;
    #tell;
    #unlisten = new AbortController();

    /** `tell` is told whether the end is followed. */
    constructor(tell) {
        this.#tell = tell;
        window.addEventListener("scroll", () => this.#scrolled(), { passive: true, signal: this.#unlisten.signal });
        window.addEventListener("resize", () => this.settle(), { signal: this.#unlisten.signal });
    }

    /** Whether the person is at the end. */
    get following() {
        return this.#following;
    }

    /** The page grew or shrank. */
    settle() {
        if (this.#following) {
            window.scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
        }
    }

    /** Go to the end, and follow it. */
    toEnd() {
        this.#set(true);
        this.settle();
    }

    /** The person turned to what was before. */
    leave() {
        this.#set(false);
    }

    /** The person opened or closed something: whoever reads above the end is not torn away. */
    look() {
        requestAnimationFrame(() => this.#set(isNearEnd()));
    }

    /** Leave the page alone. */
    close() {
        this.#unlisten.abort();
    }

    #scrolled() {
        // A page that grows scrolls too, but only a person goes up.
        const up = window.scrollY < this.#y;
        this.#y = window.scrollY;
        if (isNearEnd() || up) {
            this.#set(isNearEnd());
        }
    }

    #set(following) {
        if (following !== this.#following) {
            this.#following = following;
            this.#tell(following);
        }
    }
}

function isNearEnd() {
    return document.documentElement.scrollHeight - window.scrollY - window.innerHeight < NEAR_PX;
}
