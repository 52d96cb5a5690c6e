/** A project's secrets at the gateway, which gives no value back. */

export class ProjectSecrets {
    #api;
    #path;

    constructor(api, projectId) {
        this.#api = api;
        this.#path = `/v1/projects/${encodeURIComponent(projectId)}/secrets`;
    }

    /** What is set, by name. Raises Problem. */
    async read() {
        return (await this.#api.get(this.#path)).secrets;
    }

    /** Set or replace one; the same key does it once. Raises Problem. */
    async set(name, { value, mayRead }, key) {
        await this.#api.put(this.#of(name), { value, agent_may_read: mayRead }, key);
    }

    /** Remove one. Raises Problem. */
    async remove(name) {
        await this.#api.remove(this.#of(name));
    }

    #of(name) {
        return `${this.#path}/${encodeURIComponent(name)}`;
    }
}
