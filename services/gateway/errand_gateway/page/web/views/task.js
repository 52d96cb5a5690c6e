/** One task: where it stands, its story as it happens, and the box to write to it. */

import { button, element, icon, say } from "../dom.js";
import { newKey } from "../draft.js";
import { Follow } from "../follow.js";
import { Hosts } from "../hosts.js";
import { Inputs } from "../inputs.js";
import { Line } from "../live.js";
import { wordsOf } from "../problem.js";
import { TASKS } from "../route.js";
import { isFinal, Story } from "../story.js";
import { Transcript } from "../transcript.js";
import { activityOf, FAILURE, isStopping, STATUS } from "../words.js";
import { Away } from "./away.js";
import { bar, heading } from "./bar.js";
import { Composer } from "./composer.js";
import { Pending } from "./pending.js";
import { Queue } from "./queue.js";
import { Raise } from "./raise.js";
import { Standing } from "./standing.js";
import { StoryView } from "./story_view.js";
import { Whole } from "./whole.js";

export class TaskView {
    title = "Task";
    #app;
    #taskId;
    #path;
    #task = null;
    #project = null;
    #story = new Story();
    #line = null;
    #whole;
    #hosts;
    #view;
    #follow;
    #inputs;
    #queue;
    #composer;
    #away = new Away();
    /** The box grows with what is written. */
    #footSize = new ResizeObserver(() => this.#follow.settle());
    #stopAsked = false;
    #heading = heading("Task");
    #standing = new Standing(() => {
        this.#whole.wantsThoughts = true;
        this.#view.redraw();
    });
    #pending = new Pending({
        read: () => this.#app.api.get(`${this.#path}/pending`),
        onTold: () => this.#follow.settle(),
    });
    #raise = new Raise((more, key) => this.#app.api.post(`${this.#path}/allowance`, more, key));
    #stop = button("Stop", { class: "danger", hidden: true, onclick: () => this.#stopTask() });
    #error = element("p", { class: "notice bad", role: "alert", hidden: true });
    #activity = element("p", { class: "activity", role: "status" });
    #latest = button(icon("down"), { class: "latest round", "aria-label": "To the newest", hidden: true });

    constructor(app, taskId) {
        this.#app = app;
        this.#taskId = taskId;
        this.#path = `/v1/tasks/${encodeURIComponent(taskId)}`;
        this.#inputs = new Inputs(app.api, taskId);
        this.#whole = new Whole(new Transcript(app.api, taskId));
        this.#hosts = new Hosts(app.repositories, () => this.#view.redraw());
        this.#view = new StoryView({
            ways: {
                whole: this.#whole,
                answer: async (words, key) => this.#written(await this.#inputs.add(words, "answer", key)),
                hosts: this.#hosts,
            },
            onDrawn: () => this.#drawn(),
            onEarlier: () => this.#follow.leave(),
        });
        this.#follow = new Follow((following) => {
            this.#latest.hidden = following;
        });
        this.#latest.addEventListener("click", () => this.#follow.toEnd());
        this.#queue = new Queue({
            inputs: this.#inputs,
            onChanged: () => this.#view.changed(),
            onLate: (words) => this.#composer.take(words),
        });
        this.#composer = new Composer({
            inputs: this.#inputs,
            taskId,
            onWritten: (input) => this.#written(input),
            again: () => this.#app.api.post(`${this.#path}/retry`, {}, newKey()),
        });
        this.#view.node.addEventListener("click", () => this.#follow.look());
        this.node = this.#build();
        this.#begin();
    }

    close() {
        this.#line?.close();
        this.#view.close();
        this.#whole.close();
        this.#follow.close();
        this.#footSize.disconnect();
        this.#away.close();
        this.#line = null;
    }

    #build() {
        const below = [this.#standing.node, this.#away.node];
        const head = bar({ title: this.#heading, back: TASKS, actions: [this.#stop], below });
        const main = element("main", {}, this.#error, this.#view.node, this.#activity, this.#raise.node, this.#pending.node);
        const foot = element("footer", { class: "foot" }, this.#latest, this.#queue.node, this.#composer.node);
        this.#footSize.observe(foot);
        return element("div", { class: "view task" }, head, main, foot);
    }

    async #begin() {
        this.#activity.textContent = "Reading what happened…";
        try {
            const { task } = await this.#app.api.get(this.#path);
            this.#task = task;
            this.#project = await this.#app.project(task.project_id);
            this.#hosts.project = this.#project;
        } catch (error) {
            this.#activity.textContent = "";
            this.#fail(error);
            return;
        }
        if (!this.#app.isShown(this)) {
            return;
        }
        this.#heading.textContent = this.#project?.repository ?? "Task";
        this.#app.entitle(this.#heading.textContent);
        this.#read();
    }

    /** Read the story from its beginning. */
    #read() {
        this.#story = new Story();
        this.#story.begin(this.#task.prompt, this.#task.created_time);
        this.#view.show(this.#story);
        if (this.#line) {
            this.#line.restart("");
            return;
        }
        this.#line = new Line({
            taskId: this.#taskId,
            hear: (message) => this.#heard(message),
            tell: (state, words) => (state === "over" ? this.#app.signedOut() : this.#away.tell(state, words)),
            renew: () => this.#app.api.renew(),
        });
    }

    #heard(message) {
        switch (message.type) {
            case "reset":
                // The server was restored: what was heard may not have happened.
                return this.#read();
            case "error":
                return this.#fail(message.detail);
        }
        this.#story.hear(message);
        if (this.#story.replayed && message.type === "event") {
            this.#happened(message.event);
        }
        return this.#view.changed();
    }

    #drawn() {
        if (!this.#story.replayed) {
            return;
        }
        this.#drawStanding();
        say(this.#activity, activityOf(this.#story));
        if (this.#follow.following) {
            this.#view.trim();
        }
        this.#follow.settle();
    }

    #drawStanding() {
        const story = this.#story;
        const status = story.status || this.#task.status;
        const final = isFinal(status);
        const stopping = !final && (this.#stopAsked || isStopping(story));
        this.#standing.draw(stopping ? "stopping" : status, this.#task, story);
        say(this.#stop, stopping ? "Stopping" : "Stop");
        this.#stop.hidden = final;
        this.#stop.disabled = stopping;
        this.#pending.draw(status, story.statusReason);
        this.#raise.draw(status, this.#task, story);
        this.#queue.draw(story.waiting, status === "running");
        this.#composer.stands(status, story.wait);
    }

    async #stopTask() {
        this.#stopAsked = true;
        this.#error.hidden = true;
        this.#drawStanding();
        try {
            await this.#app.api.post(`${this.#path}/stop`, {}, newKey());
        } catch (error) {
            this.#stopAsked = false;
            this.#drawStanding();
            this.#fail(error);
        }
    }

    #written(input) {
        this.#story.waiting.learn(input);
        this.#queue.hush();
        this.#view.changed();
        this.#follow.toEnd();
    }

    #fail(error) {
        this.#error.textContent = typeof error === "string" ? error : wordsOf(error);
        this.#error.hidden = false;
    }

    #happened({ kind, detail }) {
        if (kind === "task_status_changed") {
            this.#error.hidden = true;
            this.#stopAsked &&= detail.status_reason === "stopping";
            const asks = detail.status === "waiting" && this.#story.wait?.reason === "question";
            const title = asks ? "Claude asks" : (FAILURE[detail.failure_reason] ?? STATUS[detail.status]);
            this.#app.announce([title, detail.status_reason].filter(Boolean).join(". "));
        } else if (kind === "message_appended" && detail.role === "assistant" && detail.summary) {
            // Not every word on its way: those who cannot see it are read what Claude said when it has said it.
            this.#app.announce(`Claude: ${detail.summary}`);
        }
    }
}
