/** The list of tasks, newest first, moving as they do. */

import { button, element, icon } from "../dom.js";
import { FROM_NOW, Line } from "../live.js";
import { wordsOf } from "../problem.js";
import { NEW_TASK } from "../route.js";
import { account } from "./account.js";
import { Away } from "./away.js";
import { bar, heading } from "./bar.js";
import { TaskRow } from "./task_row.js";

const AGE_MS = 30_000;

export class TasksView {
    title = "Tasks";
    #app;
    #rows = new Map();
    #next = "";
    /** The tasks that are being read, each with what happened to it meanwhile: it may be newer than what comes of that. */
    #asking = new Map();
    #readings = 0;
    /** What happened while the list was read: it may be newer than what comes of that. */
    #held = null;
    #away = new Away();
    #list = element("ul", { class: "tasks" });
    #empty = element("p", { class: "empty", hidden: true }, "No tasks yet. Send the first errand.");
    #error = element("p", { class: "notice bad", role: "alert", hidden: true });
    #waiting = element("p", { class: "activity" }, "Reading your tasks…");
    #more = button("More", { class: "wide", hidden: true, onclick: () => this.#readMore() });
    #line;
    #ageing;

    constructor(app) {
        this.#app = app;
        const head = bar({ title: heading("Errand"), actions: [account(app)], below: [this.#away.node] });
        const main = element("main", {}, this.#error, this.#waiting, this.#empty, this.#list, this.#more);
        const create = element("a", { class: "button primary wide", href: NEW_TASK }, icon("plus"), "New task");
        this.node = element("div", { class: "view" }, head, main, element("footer", { class: "foot" }, create));
        this.#line = new Line({
            cursor: FROM_NOW,
            hear: (message) => this.#heard(message),
            tell: (state, words) => (state === "over" ? app.signedOut() : this.#away.tell(state, words)),
            renew: () => app.api.renew(),
        });
        this.#ageing = setInterval(() => this.#rows.forEach((row) => row.grow()), AGE_MS);
        this.#readFirst();
    }

    close() {
        this.#line.close();
        this.#away.close();
        clearInterval(this.#ageing);
    }

    #heard(message) {
        if (message.type === "reset") {
            // From here on nothing is missed: what the list showed before may be older.
            this.#readFirst();
        } else if (message.type === "event" && this.#held) {
            this.#held.push(message.event);
        } else if (message.type === "event") {
            this.#happened(message.event);
        }
    }

    #happened(event) {
        const { kind, task_id: taskId, detail } = event;
        const row = this.#rows.get(taskId);
        if (this.#asking.has(taskId)) {
            this.#asking.get(taskId).push(event);
        } else if (!row) {
            this.#readNew(taskId);
        } else if (kind === "task_status_changed") {
            row.change({ status: detail.status, status_reason: detail.status_reason });
        } else if (kind === "pull_request_opened") {
            row.change({ pull_request_url: detail.url });
        }
    }

    async #readFirst() {
        this.#readings += 1;
        const reading = this.#readings;
        this.#held = [];
        try {
            const { tasks, next_page_token: next } = await this.#app.api.get("/v1/tasks?page_size=50");
            const projects = await this.#projects(tasks);
            if (reading === this.#readings) {
                this.#fill(tasks, projects, next);
            }
        } catch (error) {
            this.#fail(error);
        }
        if (reading === this.#readings) {
            this.#held.splice(0).forEach((event) => this.#happened(event));
            this.#held = null;
        }
    }

    #fill(tasks, projects, next) {
        this.#rows.clear();
        tasks.forEach((task) => this.#keep(task, projects));
        this.#list.replaceChildren(...Array.from(this.#rows.values(), (row) => row.node));
        this.#next = next;
        this.#settle();
    }

    async #readMore() {
        this.#more.disabled = true;
        try {
            const path = `/v1/tasks?page_size=50&page_token=${encodeURIComponent(this.#next)}`;
            const { tasks, next_page_token: next } = await this.#app.api.get(path);
            const projects = await this.#projects(tasks);
            const fresh = tasks.filter((task) => !this.#rows.has(task.task_id));
            this.#list.append(...fresh.map((task) => this.#keep(task, projects).node));
            this.#next = next;
            this.#settle();
        } catch (error) {
            this.#fail(error);
        } finally {
            this.#more.disabled = false;
        }
    }

    /** A task that the list does not know: a new one, or one of those that are still to come. */
    async #readNew(taskId) {
        const meanwhile = [];
        this.#asking.set(taskId, meanwhile);
        try {
            const { task } = await this.#app.api.get(`/v1/tasks/${encodeURIComponent(taskId)}`);
            const projects = await this.#projects([task]);
            if (!this.#rows.has(taskId) && !this.#comesWithMore(task)) {
                this.#insert(this.#keep(task, projects));
                this.#settle();
            }
        } catch (error) {
            this.#fail(error);
        } finally {
            this.#asking.delete(taskId);
        }
        if (this.#rows.has(taskId)) {
            meanwhile.forEach((event) => this.#happened(event));
        }
    }

    #comesWithMore(task) {
        const last = Array.from(this.#rows.values()).at(-1);
        return Boolean(this.#next && last) && task.created_time < last.begun;
    }

    #insert(row) {
        const older = Array.from(this.#rows.values()).find((each) => each !== row && each.begun <= row.begun);
        this.#list.insertBefore(row.node, older?.node ?? null);
        const sorted = Array.from(this.#rows).sort(([, one], [, other]) => (one.begun < other.begun ? 1 : -1));
        this.#rows = new Map(sorted);
    }

    #keep(task, projects) {
        const row = new TaskRow(task, projects.get(task.project_id));
        this.#rows.set(task.task_id, row);
        return row;
    }

    async #projects(tasks) {
        const projects = new Map();
        for (const { project_id: projectId } of tasks) {
            projects.set(projectId, await this.#app.project(projectId));
        }
        return projects;
    }

    #settle() {
        this.#error.hidden = true;
        this.#waiting.hidden = true;
        this.#empty.hidden = this.#rows.size > 0;
        this.#more.hidden = !this.#next;
    }

    #fail(error) {
        this.#waiting.hidden = true;
        this.#error.textContent = wordsOf(error);
        this.#error.hidden = false;
    }
}
