/** Where a task stands, under its title: status, pull request, cost, and the rest of its facts on demand. */

import { LIMITS, ofLimit, spentOf } from "../allowance.js";
import { element, icon, say, webLink } from "../dom.js";
import { STATUS } from "../words.js";
import { cost } from "./entries.js";
import { Facts } from "./facts.js";

export class Standing {
    #pill = element("span", { class: "pill" });
    #pull = element("span", { class: "pull" });
    #pullShown = null;
    #cost = element("span", { class: "faint" });
    #facts;

    /** `onThoughts` is called when the person wants to read what Claude thought. */
    constructor(onThoughts) {
        this.#facts = new Facts(onThoughts);
        this.node = element("div", { class: "standing" }, this.#pill, this.#pull, this.#cost, this.#facts.node);
    }

    /** Draw what a task's story tells so far; `status` is one of the words' names. */
    draw(status, task, story) {
        this.#pill.dataset.status = status;
        say(this.#pill, STATUS[status]);
        say(this.#cost, ofMoney(task, story));
        this.#drawPull(story.pullRequest);
        this.#facts.draw(task, story);
    }

    #drawPull(pull) {
        if (pull !== this.#pullShown) {
            this.#pullShown = pull;
            this.#pull.replaceChildren(webLink(pull.url, { class: "chip" }, icon("pull"), `#${pull.number}${pull.draft ? " draft" : ""}`));
        }
    }
}

/** The cost so far, and where money is limited, of how much. */
function ofMoney(task, story) {
    const limits = story.allowance ?? task.allowance;
    const known = cost(story.usage);
    return known && limits?.cost_nanodollars ? ofLimit(LIMITS[0], spentOf(story), limits) : known;
}
