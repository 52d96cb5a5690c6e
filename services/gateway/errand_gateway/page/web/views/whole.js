/** Reads what entries only summarise, when somebody comes to see it. */

import { thoughtsIn, wordsIn } from "../transcript.js";

export class Whole {
    #transcript;
    #seen = new WeakMap();
    #observer;
    /** Whether the person wants to read thoughts that were not heard live. */
    wantsThoughts = false;

    constructor(transcript) {
        this.#transcript = transcript;
        this.#observer = new IntersectionObserver((found) => {
            for (const { target } of found.filter((each) => each.isIntersecting)) {
                this.#observer.unobserve(target);
                this.#seen.get(target)();
            }
        });
    }

    /** Call back once, when a node comes into view. */
    whenSeen(node, callback) {
        this.#seen.set(node, callback);
        this.#observer.observe(node);
    }

    /** No more. */
    close() {
        this.#observer.disconnect();
    }

    /** Words and thoughts of a message; none of one that is not stored. Raises Problem. */
    async message(messageId) {
        const blocks = (await this.#transcript.message(messageId)) ?? [];
        return { words: wordsIn(blocks), thoughts: thoughtsIn(blocks) };
    }

    /** What a person wrote, found by its beginning in the message that carries it. Raises Problem. */
    async written(messageId, summary) {
        const beginning = summary.slice(0, -1);
        const blocks = (await this.#transcript.message(messageId)) ?? [];
        const text = blocks.find((block) => block.type === "text" && block.text.includes(beginning))?.text;
        // What steers comes with a word of explanation before it.
        return text?.slice(text.indexOf(beginning));
    }

    /** What a tool call asks: question and suggested answers; nothing where it is not stored. Raises Problem. */
    async question(toolCallId) {
        const call = await this.#transcript.toolCall(toolCallId);
        const { question: text, choices = [] } = JSON.parse(call?.input ?? "{}");
        return text === undefined ? {} : { text, choices };
    }

    /** A tool call. Raises Problem. */
    toolCall(toolCallId) {
        return this.#transcript.toolCall(toolCallId);
    }
}
