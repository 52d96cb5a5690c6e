/** The page: who is signed in, and which view is shown. */

import { Api, ask } from "./api.js";
import { say } from "./dom.js";
import { forgetAll } from "./kept.js";
import { Problem, wordsOf } from "./problem.js";
import { Repositories } from "./repositories.js";
import { routeOf, TASKS } from "./route.js";
import { GateView } from "./views/gate.js";
import { GitHostsView } from "./views/git_hosts.js";
import { NewTaskView } from "./views/new_task.js";
import { OpeningView, spend } from "./views/opening.js";
import { ProjectView } from "./views/project.js";
import { TaskView } from "./views/task.js";
import { TasksView } from "./views/tasks.js";
import { UnreachableView } from "./views/unreachable.js";

class App {
    /** The signed-in person; null while there is none. */
    user = null;
    #place = document.getElementById("app");
    #announcer = document.getElementById("announcer");
    #view = null;

    constructor() {
        this.api = new Api(() => this.signedOut());
        this.repositories = new Repositories(this.api);
        window.addEventListener("hashchange", () => this.#go());
    }

    /** Show what the address asks for. */
    async begin() {
        const route = routeOf(location.hash);
        if (route.name === "link") {
            await this.#open(route.secret);
        } else if (await this.#known()) {
            this.#go();
        }
    }

    /** The session is over: the ways in are shown. */
    signedOut(words = "") {
        this.user = null;
        this.repositories = new Repositories(this.api);
        this.#show(new GateView(words));
    }

    /** End the session, and forget what was kept here. */
    async signOut() {
        try {
            // Renewed first where it expired: what is not known cannot be ended.
            await this.api.post("/auth/sign-out");
        } catch (error) {
            if (!(error instanceof Problem && error.status === 401)) {
                this.signedOut(`You may still be signed in: ${wordsOf(error)}`);
                return;
            }
        }
        forgetAll();
        history.replaceState(null, "", TASKS);
        this.signedOut();
    }

    /** The project of an id; undefined where there is none. Raises Problem. */
    project(projectId) {
        return this.repositories.project(projectId);
    }

    /** The project of a repository, added where it is new. Raises Problem. */
    addProject(repository) {
        return this.repositories.add(repository);
    }

    /** Whether a view is the one on the screen. */
    isShown(view) {
        return this.#view === view;
    }

    /** Name what is shown. */
    entitle(title) {
        document.title = `${title} · Errand`;
    }

    /** Say something to those who cannot see the page. */
    announce(words) {
        say(this.#announcer, words);
    }

    #go() {
        const route = routeOf(location.hash);
        if (route.name === "link") {
            this.#open(route.secret);
        } else if (this.user) {
            this.#show(this.#viewOf(route));
        }
    }

    #viewOf({ name, taskId, projectId }) {
        switch (name) {
            case "project":
                return new ProjectView(this, projectId);
            case "git":
                return new GitHostsView(this);
            case "task":
                return new TaskView(this, taskId);
            case "new":
                return new NewTaskView(this);
        }
        return new TasksView(this);
    }

    async #open(secret) {
        // At once: neither the history nor whoever looks at the screen shall have it.
        history.replaceState(null, "", TASKS);
        this.#show(new OpeningView());
        const words = await spend(secret, { arrived: () => this.#asked() });
        if (words) {
            this.signedOut(words);
        } else if (this.user) {
            this.#go();
        }
    }

    /** Whether somebody is signed in; shows the ways in where nobody is. */
    async #known() {
        try {
            this.#greet((await this.api.get("/v1/me")).user);
        } catch (error) {
            if (!(error instanceof Problem && error.status === 401)) {
                this.#show(new UnreachableView(wordsOf(error), () => this.begin()));
            }
        }
        return this.user !== null;
    }

    /** Whether the session that was just made is here: cookies that are refused are not. */
    async #asked() {
        try {
            this.#greet((await ask("GET", "/v1/me")).user);
            return true;
        } catch (error) {
            if (error instanceof Problem && error.status === 401) {
                return false;
            }
            throw error;
        }
    }

    #greet(user) {
        this.user = user;
        // What a viewer may not do is hidden by style (viewer.css).
        document.documentElement.dataset.role = user.role;
    }

    #show(view) {
        this.#view?.close();
        this.#view = view;
        this.entitle(view.title);
        this.#place.replaceChildren(view.node);
        window.scrollTo(0, 0);
        view.node.querySelector("h1")?.focus({ preventScroll: true });
    }
}

new App().begin();
