/** Errand's REST surface as the signed-in person; an expired session is renewed on the way, once. */

import { Problem, problemOf, unanswered } from "./problem.js";

const PATIENCE_MS = 30_000;
const MOST_PAGES = 100;
/** A phone changes its network in mid-request; what may be sent twice is. */
const RETRY_MS = 700;

export class Api {
    #renewing = null;
    #onSignedOut;

    /** `onSignedOut` is called when the session is over for good. */
    constructor(onSignedOut) {
        this.#onSignedOut = onSignedOut;
    }

    /** The body of what is there. Raises Problem. */
    async get(path) {
        return this.#asked("GET", path);
    }

    /** Send a body; with a key it counts once however often it is sent. Raises Problem. */
    async post(path, body = {}, key = "") {
        return this.#asked("POST", path, body, key);
    }

    /** Put something in its place; with a key it counts once however often it is sent. Raises Problem. */
    async put(path, body, key = "") {
        return this.#asked("PUT", path, body, key);
    }

    /** Change what is there; with a key it counts once however often it is sent. Raises Problem. */
    async patch(path, body, key = "") {
        return this.#asked("PATCH", path, body, key);
    }

    /** Take away what is there; again changes nothing. Raises Problem. */
    async remove(path) {
        return this.#asked("DELETE", path);
    }

    /** The text of what is there. Raises Problem. */
    async text(path) {
        return this.#asked("GET", path, undefined, "", (answer) => answer.text());
    }

    /** All of a paged list. Raises Problem. */
    async pages(path, field) {
        const items = [];
        let token = "";
        for (let page = 0; page < MOST_PAGES; page++) {
            const found = await this.get(`${path}?page_size=100&page_token=${encodeURIComponent(token)}`);
            items.push(...found[field]);
            if (!found.next_page_token || found.next_page_token === token) {
                break;
            }
            token = found.next_page_token;
        }
        return items;
    }

    /** Whether there is a session again. One renewal at a time, over all tabs. Raises Problem when that is unknown. */
    renew() {
        this.#renewing ??= exclusively(renewed).finally(() => {
            this.#renewing = null;
        });
        return this.#renewing;
    }

    async #asked(method, path, body, key, content = json) {
        let answer = await send(method, path, body, key);
        if (answer.status === 401) {
            if (!(await this.renew())) {
                this.#onSignedOut();
                throw await problemOf(answer);
            }
            answer = await send(method, path, body, key);
        }
        return read(answer, content);
    }
}

/** Ask once, with whatever session there is. Raises Problem. */
export async function ask(method, path, body) {
    return read(await send(method, path, body));
}

async function send(method, path, body, key) {
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    if (key) {
        headers["Idempotency-Key"] = key;
    }
    const options = { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store" };
    try {
        return await tried(path, options);
    } catch (error) {
        if (error.name === "TimeoutError" || (method === "POST" && !key)) {
            throw unanswered();
        }
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    try {
        return await tried(path, options);
    } catch {
        throw unanswered();
    }
}

function tried(path, options) {
    return fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
}

async function read(answer, content = json) {
    if (!answer.ok) {
        throw await problemOf(answer);
    }
    try {
        return await content(answer);
    } catch {
        throw unanswered();
    }
}

async function json(answer) {
    return answer.status === 204 ? {} : answer.json();
}

async function renewed() {
    // A refresh token is good once: where another tab was first, its cookies are here already.
    if (await allowed("GET", "/v1/me")) {
        return true;
    }
    return allowed("POST", "/auth/token", { grant_type: "refresh_token" });
}

async function allowed(method, path, body) {
    try {
        await ask(method, path, body);
        return true;
    } catch (error) {
        if (error instanceof Problem && [400, 401, 403].includes(error.status)) {
            return false;
        }
        throw error;
    }
}

async function exclusively(work) {
    // Browsers have locks over TLS and on this machine, and not where storage is refused.
    try {
        await navigator.locks.query();
    } catch {
        return work();
    }
    return navigator.locks.request("errand-renewal", work);
}
