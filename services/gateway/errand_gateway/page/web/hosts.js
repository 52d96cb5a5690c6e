/** Which hosts the project of a task allows, and one more of them at a tap. */

import { newKey } from "./draft.js";

export class Hosts {
    #repositories;
    #onChanged;
    /** Set once the project is read. */
    project = null;

    /** `onChanged` is called when a host was allowed. */
    constructor(repositories, onChanged) {
        this.#repositories = repositories;
        this.#onChanged = onChanged;
    }

    /** Whether the project allows it, as far as is known here. */
    isAllowed(host) {
        const { mode, allowed_hosts: allowed = [] } = this.project?.egress ?? {};
        return mode === "open" || (mode === "allow_list" && allowed.some((pattern) => fits(pattern, host)));
    }

    /** Allow it from now on. Raises Problem. */
    async allow(host) {
        this.project = await this.#repositories.allow(this.project.project_id, host, newKey());
        this.#onChanged();
    }
}

function fits(pattern, host) {
    return pattern === host || (pattern.startsWith("*.") && host.endsWith(pattern.slice(1)));
}
