/** A task's messages and tool calls whole, page by page as somebody wants to see one. */

/** What Claude can see, and a browser shows without running anything. */
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

export class Transcript {
    #api;
    #path;
    #messages;
    #toolCalls;

    constructor(api, taskId) {
        const path = `/v1/tasks/${encodeURIComponent(taskId)}`;
        this.#api = api;
        this.#path = path;
        this.#messages = new Pages(api, `${path}/messages`, "messages", "message_id", () => true);
        // One that still runs is asked for anew.
        const hasEnded = (call) => call.output !== "" || call.output_blob !== undefined;
        this.#toolCalls = new Pages(api, `${path}/tool_calls`, "tool_calls", "tool_call_id", hasEnded);
    }

    /** A message's content blocks; undefined where there is no such message. Raises Problem. */
    async message(messageId) {
        const message = await this.#messages.find(messageId);
        return message && JSON.parse(await this.#long(message.content, message.content_blob));
    }

    /** A tool call; undefined where there is no such call. Raises Problem. */
    async toolCall(toolCallId) {
        const call = await this.#toolCalls.find(toolCallId);
        if (!call?.input_blob && !call?.output_blob) {
            return call;
        }
        const input = await this.#long(call.input, call.input_blob);
        return { ...call, input, output: await this.#long(call.output, call.output_blob) };
    }

    /** What is long lies apart. */
    async #long(content, blob) {
        return blob ? this.#api.text(`${this.#path}/blobs/${blob.sha256}`) : content;
    }
}

/** The words of content blocks: those of Claude or of a person. */
export function wordsIn(blocks) {
    return blocks.filter((block) => block.type === "text").map((block) => block.text).join("\n");
}

/** The thoughts in content blocks. */
export function thoughtsIn(blocks) {
    return blocks.filter((block) => block.type === "thinking").map((block) => block.thinking).join("\n\n").trim();
}

/** The words of a tool's output: a JSON string, or a list of content blocks. */
export function outputOf(call) {
    if (call.output === "") {
        return "";
    }
    const output = JSON.parse(call.output);
    return typeof output === "string" ? output : wordsIn(output);
}

/** The pictures in a tool's output, each as a file that the browser can show. */
export function picturesOf(call) {
    const output = call.output === "" ? "" : JSON.parse(call.output);
    return Array.isArray(output) ? output.filter(isPicture).map(({ source }) => fileOf(source)) : [];
}

/** Nothing else is made a file of, whatever a record says. */
function isPicture({ type, source }) {
    return type === "image" && source?.type === "base64" && PICTURES.includes(source.media_type);
}

function fileOf({ data, media_type: type }) {
    return new Blob([Uint8Array.from(atob(data), (character) => character.charCodeAt(0))], { type });
}

class Pages {
    #api;
    #path;
    #field;
    #idField;
    #isWhole;
    /** Found so far: the item, and the token of the page that it is on. */
    #found = new Map();
    /** The page to read next; the last one stays next, since it grows. */
    #next = "";
    #reading = Promise.resolve();

    constructor(api, path, field, idField, isWhole) {
        this.#api = api;
        this.#path = path;
        this.#field = field;
        this.#idField = idField;
        this.#isWhole = isWhole;
    }

    find(id) {
        const found = this.#reading.then(() => this.#search(id));
        this.#reading = found.catch(() => {});
        return found;
    }

    async #search(id) {
        const known = this.#found.get(id);
        if (known && !this.#isWhole(known.item)) {
            await this.#read(known.token);
        }
        while (!this.#found.has(id)) {
            const next = await this.#read(this.#next);
            if (!next || next === this.#next) {
                break;
            }
            this.#next = next;
        }
        return this.#found.get(id)?.item;
    }

    async #read(token) {
        const page = await this.#api.get(`${this.#path}?page_token=${encodeURIComponent(token)}`);
        for (const item of page[this.#field]) {
            this.#found.set(item[this.#idField], { item, token });
        }
        return page.next_page_token;
    }
}
