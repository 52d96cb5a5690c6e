/** What a person writes to a task: sent, and changed while nobody has read it. */

import { newKey } from "./draft.js";

export class Inputs {
    #api;
    #path;

    constructor(api, taskId) {
        this.#api = api;
        this.#path = `/v1/tasks/${encodeURIComponent(taskId)}/inputs`;
    }

    /** Say something, once for a key however often it is sent; gives the input. Raises Problem. */
    async add(text, kind, key) {
        return (await this.#api.post(this.#path, { text, kind }, key)).input;
    }

    /** All that nobody has read. Raises Problem. */
    async waiting() {
        return (await this.#api.get(this.#path)).inputs;
    }

    /** Say something else instead; gives the input. Raises Problem. */
    async edit(inputId, text) {
        return (await this.#api.patch(one(inputId), { text }, newKey())).input;
    }

    /** Have it said with the next step; gives the input. Raises Problem. */
    async promote(inputId) {
        return (await this.#api.post(`${one(inputId)}/promote`, {}, `promote.${inputId}`)).input;
    }

    /** Take it back; gives the input. Raises Problem. */
    async remove(inputId) {
        return (await this.#api.remove(one(inputId))).input;
    }
}

function one(inputId) {
    return `/v1/inputs/${encodeURIComponent(inputId)}`;
}
