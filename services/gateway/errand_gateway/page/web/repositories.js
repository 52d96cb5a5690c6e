/** The repositories that the person may want: their projects, and GitHub's list as far as it was read. */

const NAME = /^[^/\s]+\/[^/\s]+$/;
const ADDRESS = /^https?:\/\/[^/\s]+\/\S+$/;

export class Repositories {
    #api;
    #projects = [];
    #found = [];
    #next = "";
    #isRead = false;

    constructor(api) {
        this.#api = api;
    }

    /** Names of the projects, newest first. */
    get projects() {
        return [...new Set(this.#projects.map(({ repository }) => repository))];
    }

    /** The project of a repository, as far as they were read; undefined where there is none. */
    projectOf(name) {
        return this.#projects.find(({ repository }) => repository === name);
    }

    /** GitHub's repositories, the most recently pushed first. */
    get found() {
        return this.#found;
    }

    /** Whether GitHub has more. */
    get hasMore() {
        return Boolean(this.#next);
    }

    /** Read the projects and the first of GitHub's; returns what went wrong. */
    async read() {
        if (this.#isRead) {
            return [];
        }
        const outcomes = await Promise.allSettled([this.#readProjects(), this.#readPage("")]);
        this.#isRead = outcomes.every(({ status }) => status === "fulfilled");
        return outcomes.filter(({ status }) => status === "rejected").map(({ reason }) => reason);
    }

    /** Read more of GitHub's. Raises Problem. */
    readMore() {
        return this.#readPage(this.#next);
    }

    /** The project of an id; undefined where there is none. Raises Problem. */
    async project(projectId) {
        const known = () => this.#projects.find((project) => project.project_id === projectId);
        if (!known()) {
            await this.#readProjects();
        }
        return known();
    }

    /** The project of a repository, by its name or, on another git host, its address; added where it is new. Raises Problem. */
    async add(repository) {
        const asked = ADDRESS.test(repository) ? { repo_url: repository } : { repository };
        const known = this.projectOf(repository);
        const { project } = known?.git_host ? { project: known } : await this.#api.post("/v1/projects", asked);
        if (!this.#projects.some(({ project_id: projectId }) => projectId === project.project_id)) {
            this.#projects.unshift(project);
        }
        return project;
    }

    /** The project of an id as it is now; undefined where there is none. Raises Problem. */
    async readProject(projectId) {
        await this.#readProjects();
        return this.project(projectId);
    }

    /** Change settings of a project; the same key changes it once. Returns it as it is then. Raises Problem. */
    async update(projectId, settings, key) {
        const { project } = await this.#api.patch(`/v1/projects/${encodeURIComponent(projectId)}`, settings, key);
        this.#projects = this.#projects.map((each) => (each.project_id === projectId ? project : each));
        return project;
    }

    /** Allow a host to a project's tasks. Returns the project as it is then. Raises Problem. */
    async allow(projectId, host, key) {
        const { project } = await this.#api.post(`/v1/projects/${encodeURIComponent(projectId)}/hosts`, { host }, key);
        this.#projects = this.#projects.map((each) => (each.project_id === projectId ? project : each));
        return project;
    }

    /** The lists of hosts that a project may allow by name. Raises Problem. */
    async presets() {
        return (await this.#api.get("/v1/egress-presets")).presets;
    }

    async #readProjects() {
        this.#projects = await this.#api.pages("/v1/projects", "projects");
    }

    async #readPage(token) {
        const page = await this.#api.get(`/v1/repositories?page_token=${encodeURIComponent(token)}`);
        const known = new Set(this.#found.map(({ repository }) => repository));
        this.#found.push(...page.repositories.filter(({ repository }) => !known.has(repository)));
        this.#next = page.next_page_token;
    }
}

/** What can be chosen for what was typed, each with `name`, `note`, `locked` and `usable`. */
export function choicesOf(repositories, typed) {
    const wanted = typed.toLowerCase();
    const fits = (name) => name.toLowerCase().includes(wanted);
    const listed = new Map(repositories.found.map((each) => [each.repository, each]));
    const before = repositories.projects.map((name) => choice(name, listed.get(name), "used before"));
    const others = repositories.found
        .filter(({ repository }) => !repositories.projects.includes(repository))
        .map((each) => choice(each.repository, each, ""));
    const choices = [...before, ...others].filter(({ name }) => fits(name));
    if ((NAME.test(typed) || ADDRESS.test(typed)) && !choices.some(({ name }) => name.toLowerCase() === wanted)) {
        choices.push({ name: typed, note: "as typed", locked: false, usable: true });
    }
    return choices;
}

function choice(name, listed, note) {
    const usable = listed?.may_push ?? true;
    return { name, note: usable ? note : "you may not push to it", locked: listed?.private ?? false, usable };
}
