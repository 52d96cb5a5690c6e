/** Chooses a repository: those worked on before, then GitHub's, or any that is typed as owner/name. */

import { AS_TYPED, button, element } from "../dom.js";
import { wordsOf } from "../problem.js";
import { choicesOf } from "../repositories.js";
import { RepositoryOption } from "./repository_option.js";

const MOST_SHOWN = 60;

export class RepositoryPicker {
    #app;
    #onChosen;
    #onRead;
    #chosen;
    /** What the list is narrowed to: what is typed, until something is chosen. */
    #wanted = "";
    #active = -1;
    #options = [];
    #input = element("input", {
        id: "repository",
        type: "text",
        role: "combobox",
        "aria-expanded": "false",
        "aria-controls": "repositories",
        "aria-autocomplete": "list",
        ...AS_TYPED,
        placeholder: "owner/name",
    });
    #list = element("ul", { id: "repositories", role: "listbox", "aria-label": "Repositories" });
    #more = button("More from GitHub", { class: "plain wide", hidden: true, onclick: () => this.#readMore() });
    #hint = element("p", { class: "hint", role: "status", hidden: true });
    #drop = element("div", { class: "drop", hidden: true }, this.#list, this.#more, this.#hint);

    /**
     * `onChosen` gets the name of a repository, or an empty one while there is no whole name; `onRead` is called when
     * the person's projects are known.
     */
    constructor(app, { chosen, onChosen, onRead }) {
        this.#app = app;
        this.#onChosen = onChosen;
        this.#onRead = onRead;
        this.#chosen = chosen;
        this.#input.value = chosen;
        this.#input.addEventListener("input", () => this.#typed());
        this.#input.addEventListener("focus", () => this.#open(true));
        this.#input.addEventListener("click", () => this.#open(true));
        this.#input.addEventListener("keydown", (event) => this.#keyed(event));
        const label = element("label", { for: "repository" }, "Repository");
        this.node = element("div", { class: "picker" }, label, this.#input, this.#drop);
        this.node.addEventListener("focusout", ({ relatedTarget }) => {
            // A tap on what takes no focus leaves the list open; going on to another field closes it.
            if (relatedTarget && !this.node.contains(relatedTarget)) {
                this.#open(false);
            }
        });
        this.#read();
    }

    async #read() {
        const problems = await this.#app.repositories.read();
        this.#hint.textContent = problems.map((error) => `${wordsOf(error)} (a name can still be typed)`).join(" ");
        this.#hint.hidden = !problems.length;
        this.#draw();
        this.#onRead();
    }

    async #readMore() {
        this.#more.disabled = true;
        try {
            await this.#app.repositories.readMore();
        } catch (error) {
            this.#hint.textContent = wordsOf(error);
            this.#hint.hidden = false;
        }
        this.#more.disabled = false;
        this.#draw();
    }

    #typed() {
        const typed = this.#input.value.trim();
        const fits = choicesOf(this.#app.repositories, typed).some(({ name, usable }) => usable && name === typed);
        this.#chosen = fits ? typed : "";
        this.#wanted = typed;
        this.#active = -1;
        this.#onChosen(this.#chosen);
        this.#open(true);
    }

    #open(open) {
        this.#drop.hidden = !open;
        this.#input.setAttribute("aria-expanded", String(open));
        this.#draw();
    }

    #draw() {
        const choices = choicesOf(this.#app.repositories, this.#wanted);
        this.#options = choices.slice(0, MOST_SHOWN).map((choice, index) =>
            new RepositoryOption(choice, {
                id: `repository-${index}`,
                selected: choice.name === this.#chosen,
                onChosen: () => this.#choose(choice.name),
            }),
        );
        this.#list.replaceChildren(...this.#options.map((option) => option.node));
        this.#list.hidden = !this.#options.length;
        this.#more.hidden = !this.#app.repositories.hasMore;
        this.#mark();
    }

    #mark() {
        this.#options.forEach((option, index) => option.node.classList.toggle("active", index === this.#active));
        const active = this.#options[this.#active];
        active?.node.scrollIntoView({ block: "nearest" });
        if (active) {
            this.#input.setAttribute("aria-activedescendant", active.node.id);
        } else {
            this.#input.removeAttribute("aria-activedescendant");
        }
    }

    #choose(name) {
        this.#chosen = name;
        this.#wanted = "";
        this.#input.value = name;
        this.#onChosen(name);
        this.#open(false);
    }

    #keyed(event) {
        const steps = { ArrowDown: 1, ArrowUp: -1 };
        if (event.key in steps && this.#options.length) {
            event.preventDefault();
            this.#open(true);
            this.#active = (this.#active + steps[event.key] + this.#options.length) % this.#options.length;
            this.#mark();
        } else if (event.key === "Enter" && !this.#drop.hidden) {
            event.preventDefault();
            const option = this.#options[Math.max(this.#active, 0)];
            option?.choose();
        } else if (event.key === "Escape") {
            this.#open(false);
        }
    }
}
