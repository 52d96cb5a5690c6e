/** What the person uses at git hosts beside GitHub: a user name and a password or token for each. */

import { AS_TYPED, button, element } from "../dom.js";
import { newKey } from "../draft.js";
import { wordsOf } from "../problem.js";
import { TASKS } from "../route.js";
import { bar, heading } from "./bar.js";

const HOW =
    "What you enter is sealed and never shown again; Errand lends it to your own tasks. Take a token that may read and " +
    "write repositories and nothing else. To work there, type a repository's https address in a new task. Errand pushes a " +
    "branch; it opens pull requests on GitHub alone.";
const NONE = "This Errand works with GitHub alone. Its owner can name other git hosts in ERRAND_GIT_HOSTS.";

export class GitHostsView {
    title = "Other git hosts";
    #app;
    #list = element("main", { class: "fields" });
    #error = element("p", { class: "notice bad", role: "alert", hidden: true });

    constructor(app) {
        this.#app = app;
        const head = bar({ title: heading("Other git hosts"), back: TASKS });
        this.node = element("div", { class: "view" }, head, this.#list, this.#error);
        this.#read();
    }

    close() {}

    async #read() {
        await this.#trying(async () => {
            const { credentials, hosts } = await this.#app.api.get("/v1/git-credentials");
            const kept = new Map(credentials.map((each) => [each.host, each]));
            // One whose host is named no more can still be removed.
            const all = [...new Set([...hosts, ...kept.keys()])];
            const hint = element("p", { class: "hint" }, all.length ? HOW : NONE);
            this.#list.replaceChildren(hint, ...all.map((host) => this.#host(host, kept.get(host))));
        });
    }

    #host(host, kept) {
        const username = this.#field(`${host}-username`, { type: "text", value: kept?.username ?? "" });
        const password = this.#field(`${host}-password`, { type: "password" });
        const form = element(
            "form",
            { class: "fields", novalidate: true, "aria-label": host },
            element("h2", {}, host),
            element("p", { class: "hint", role: "status" }, kept ? `You are ${kept.username} there.` : "Nothing is kept."),
            element("label", { for: username.id }, "User name"),
            username,
            element("label", { for: password.id }, "Password or token"),
            password,
            element("button", { type: "submit", class: "primary wide" }, kept ? "Replace" : "Save"),
            kept && button("Remove", { class: "plain wide", onclick: () => this.#remove(host) }),
        );
        form.addEventListener("submit", (event) => {
            event.preventDefault();
            this.#save(host, { username: username.value.trim(), password: password.value });
        });
        return form;
    }

    #field(id, properties) {
        return element("input", {
            id,
            ...AS_TYPED,
            ...properties,
        });
    }

    #save(host, credential) {
        return this.#trying(async () => {
            await this.#app.api.put(path(host), credential, newKey());
            await this.#read();
        });
    }

    #remove(host) {
        return this.#trying(async () => {
            await this.#app.api.remove(path(host));
            await this.#read();
        });
    }

    async #trying(work) {
        this.#error.hidden = true;
        try {
            await work();
        } catch (error) {
            this.#error.textContent = wordsOf(error);
            this.#error.hidden = false;
        }
    }
}

function path(host) {
    return `/v1/git-credentials/${encodeURIComponent(host)}`;
}
