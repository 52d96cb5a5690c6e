/** A task's facts, folded away until somebody asks. */

import { limitsOf, ofLimit, spentOf } from "../allowance.js";
import { button, element } from "../dom.js";
import { age, count, counted, size } from "../format.js";
import { projectAddress } from "../route.js";
import { changes } from "./entries.js";
import { menu } from "./menu.js";

export class Facts {
    #shown = "";
    #list = element("dl", {});
    #thoughts = button("Show Claude's thoughts", { onclick: () => this.#wantThoughts() });
    #onThoughts;
    #settings = element("a", { class: "button plain wide" }, "Project settings");
    node = menu("facts", element("summary", {}, "Details"), this.#list, this.#settings, this.#thoughts);

    /** `onThoughts` is called when the person wants to read what Claude thought. */
    constructor(onThoughts) {
        this.#onThoughts = onThoughts;
        this.node.hidden = true;
    }

    /** Draw what a task's story tells so far; what has not changed is left alone. */
    draw(task, story) {
        const told = JSON.stringify([story.pushed, story.usage, story.context, story.model, story.effort, story.network, spending(task, story)]);
        if (told !== this.#shown) {
            this.#shown = told;
            this.#settings.href = projectAddress(task.project_id);
            this.#list.replaceChildren(...known(task, story).flatMap(described));
            this.node.hidden = false;
        }
    }

    #wantThoughts() {
        this.#thoughts.hidden = true;
        this.node.open = false;
        this.#onThoughts();
    }
}

function described([name, value]) {
    return [element("dt", {}, name), element("dd", {}, value)];
}

function known(task, story) {
    const { pushed, usage, context, model, effort, network } = story;
    return [
        ["Branch", element("code", {}, task.branch)],
        pushed?.diffStat && ["Changes", changes(pushed.diffStat)],
        pushed && ["Commit", element("code", {}, pushed.commit.slice(0, 10))],
        usage.written > 0 && ["Tokens", tokens(usage)],
        ["Allowance", spending(task, story)],
        context && ["Context", `${Math.round((100 * context.used) / context.limit)}% full`],
        model && ["Model", effort ? `${model}, effort ${effort}` : model],
        network.connections > 0 && ["Network", connected(network)],
        ["Begun", age(task.created_time)],
        ["Task", element("code", {}, task.task_id)],
    ].filter((fact) => fact?.[1]);
}

/** What is spent of each limit; empty where there is none. */
function spending(task, story) {
    const limits = story.allowance ?? task.allowance;
    const spent = spentOf(story);
    return limitsOf(limits).map((limit) => ofLimit(limit, spent, limits)).join(", ");
}

function tokens({ given, cached, written }) {
    return `${count(given)} in (${count(cached)} from the cache), ${count(written)} out`;
}

function connected({ connections, bytes }) {
    return `${counted(connections, "connection")}, ${size(bytes)}`;
}
