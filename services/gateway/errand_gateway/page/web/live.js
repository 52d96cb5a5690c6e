/** The live socket with one subscription: opened again whenever it is cut, going on from the last cursor. */

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;
/** A socket that lived so long was no failure. */
const SETTLED_MS = 5_000;
/** How long an answer may take. */
const ANSWER_MS = 8_000;
/** Silence of so many heartbeats means that nobody is there. */
const SILENT_BEATS = 2.5;
const UNAUTHENTICATED = 4401;

/** A cursor of no history: the server answers with a reset to its newest event, and follows from there. */
export const FROM_NOW = "none.0";

export class Line {
    #taskId;
    #cursor;
    #hear;
    #tell;
    #renew;
    #socket = null;
    #failures = 0;
    #closed = false;
    #retry = 0;
    #watchdog = 0;
    #silenceMs = ANSWER_MS;
    #unlisten = new AbortController();

    /**
     * `taskId` null means all of the person's tasks. `hear` gets every message of the subscription, each event once;
     * `tell` is told whether the line is up: "up", "down" with words, or "over" when the session is.
     */
    constructor({ taskId = null, cursor = "", hear, tell, renew }) {
        this.#taskId = taskId;
        this.#cursor = cursor;
        this.#hear = hear;
        this.#tell = tell;
        this.#renew = renew;
        const signal = this.#unlisten.signal;
        document.addEventListener("visibilitychange", () => this.#looked(), { signal });
        window.addEventListener("online", () => this.#open(), { signal });
        this.#open();
    }

    /** Let go of it for good. */
    close() {
        this.#closed = true;
        this.#unlisten.abort();
        this.#drop();
    }

    /** Read again from another cursor, over a new socket: what the old one still brings is not of that reading. */
    restart(cursor) {
        this.#cursor = cursor;
        this.#open();
    }

    #open() {
        if (this.#closed) {
            return;
        }
        this.#drop();
        const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/live`);
        const openedMs = performance.now();
        this.#socket = socket;
        this.#silenceMs = ANSWER_MS;
        this.#expectWords();
        socket.onopen = () => this.#say({ type: "subscribe", task_id: this.#taskId, cursor: this.#cursor });
        socket.onmessage = ({ data }) => this.#socket === socket && this.#heard(JSON.parse(data));
        socket.onclose = ({ code }) => this.#socket === socket && this.#cut(code, performance.now() - openedMs);
    }

    #drop() {
        clearTimeout(this.#retry);
        clearTimeout(this.#watchdog);
        const socket = this.#socket;
        this.#socket = null;
        socket?.close();
    }

    #say(message) {
        this.#socket?.send(JSON.stringify(message));
    }

    #heard(message) {
        this.#expectWords();
        switch (message.type) {
            case "hello":
                this.#silenceMs = message.heartbeat_duration * SILENT_BEATS * 1000;
                this.#expectWords();
                return;
            case "heartbeat":
                return;
            case "error":
                this.#refused(message);
                return;
            case "event":
                if (!isAfter(message.event.cursor, this.#cursor)) {
                    return;
                }
                this.#cursor = message.event.cursor;
                break;
            case "caught_up":
            case "reset":
                this.#cursor = message.cursor;
                break;
        }
        this.#tell("up");
        this.#hear(message);
    }

    #refused(message) {
        if (message.reason === "UNAUTHENTICATED") {
            // The close that follows is answered with a new session.
            return;
        }
        this.#tell("down", message.detail);
        if (message.retrying === false) {
            this.#hear(message);
        }
    }

    async #cut(code, livedMs) {
        this.#drop();
        this.#failures = livedMs > SETTLED_MS ? 1 : this.#failures + 1;
        this.#tell("down", "");
        if (code === UNAUTHENTICATED && !(await this.#renewed())) {
            return;
        }
        this.#later();
    }

    /** Whether to go on: a session that could not be asked for is asked for again with the next try. */
    async #renewed() {
        try {
            if (await this.#renew()) {
                return true;
            }
        } catch {
            return true;
        }
        if (!this.#closed) {
            this.close();
            this.#tell("over");
        }
        return false;
    }

    #later() {
        if (this.#closed || this.#socket) {
            return;
        }
        const longestMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 10));
        // Spread, so that not all who were cut off come back at once.
        this.#retry = setTimeout(() => this.#open(), longestMs * (0.5 + Math.random() / 2));
    }

    #expectWords() {
        clearTimeout(this.#watchdog);
        this.#watchdog = setTimeout(() => this.#socket && this.#cut(0, 0), this.#silenceMs);
    }

    /** The page is looked at again: timers may have slept, and a socket that died asleep does not tell. */
    #looked() {
        if (document.visibilityState !== "visible" || this.#closed) {
            return;
        }
        if (this.#socket?.readyState === WebSocket.OPEN) {
            this.#say({ type: "ping" });
            clearTimeout(this.#watchdog);
            this.#watchdog = setTimeout(() => this.#open(), ANSWER_MS);
        } else if (this.#socket?.readyState !== WebSocket.CONNECTING) {
            this.#open();
        }
    }
}

/** Whether a cursor is newer than another of the same history; those of different ones cannot be compared. */
function isAfter(cursor, than) {
    const [epoch, number] = parted(cursor);
    const [thanEpoch, thanNumber] = parted(than);
    return epoch !== thanEpoch || number > thanNumber;
}

function parted(cursor) {
    const end = cursor.lastIndexOf(".");
    return [cursor.slice(0, end), Number(cursor.slice(end + 1))];
}
