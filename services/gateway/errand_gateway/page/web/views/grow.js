/** A box for text that grows with it, up to what leaves room on a phone. */

const MOST_OF_SCREEN = 0.4;

/** Let it grow from now on. */
export function grow(text) {
    text.addEventListener("input", () => grow.now(text));
    requestAnimationFrame(() => grow.now(text));
}

/** Its text was changed by the page. */
grow.now = (text) => {
    text.style.height = "auto";
    const borders = text.offsetHeight - text.clientHeight;
    text.style.height = `${Math.min(text.scrollHeight + borders, window.innerHeight * MOST_OF_SCREEN)}px`;
};
