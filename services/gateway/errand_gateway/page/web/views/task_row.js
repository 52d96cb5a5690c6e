/** A task as one row of the list. */

import { element, icon, say } from "../dom.js";
import { age, firstLine } from "../format.js";
import { taskAddress } from "../route.js";
import { STATUS } from "../words.js";

export class TaskRow {
    #task;
    #pill = element("span", { class: "pill" });
    #pull = element("span", { class: "faint", hidden: true }, icon("pull"), "pull request");
    #age = element("span", { class: "faint" });
    #why = element("span", { class: "why faint", hidden: true });

    constructor(task, project) {
        this.#task = task;
        const prompt = element("span", { class: "prompt" }, firstLine(task.prompt));
        const about = element("span", { class: "about" }, this.#pill, project?.repository ?? "", this.#age, this.#pull);
        this.node = element("li", {}, element("a", { href: taskAddress(task.task_id) }, prompt, about, this.#why));
        this.#draw();
        this.grow();
    }

    /** When the task was created. */
    get begun() {
        return this.#task.created_time;
    }

    /** Some of its fields are these now. */
    change(fields) {
        this.#task = { ...this.#task, ...fields };
        this.#draw();
    }

    /** Time passed. */
    grow() {
        this.#age.textContent = age(this.#task.created_time);
    }

    #draw() {
        const { status, status_reason: reason, pull_request_url: pull } = this.#task;
        this.#pill.dataset.status = status === "running" && reason === "stopping" ? "stopping" : status;
        this.#pill.textContent = STATUS[this.#pill.dataset.status];
        this.#pull.hidden = !pull;
        say(this.#why, reason);
        this.#why.hidden = !reason || reason === "stopped" || reason === "stopping";
    }
}
