/** How long runners had a task, as far as its events tell. */

const HAVE_IT = ["accepted", "starting", "running", "stopping"];

export class WorkTime {
    #ended = 0;
    #since = null;
    #heard = 0;

    /** An event came; these are RFC 3339 instants. */
    hear(time) {
        this.#heard = Math.max(this.#heard, Date.parse(time));
    }

    /** An attempt's phase moved. */
    move(phase, time) {
        if (HAVE_IT.includes(phase)) {
            this.#since ??= Date.parse(time);
        } else {
            this.#ended += this.#since === null ? 0 : Date.parse(time) - this.#since;
            this.#since = null;
        }
    }

    /** Until the latest event. */
    get seconds() {
        const now = this.#since === null ? 0 : Math.max(0, this.#heard - this.#since);
        return (this.#ended + now) / 1000;
    }
}
