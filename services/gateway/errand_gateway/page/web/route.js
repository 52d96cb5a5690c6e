/** Where in the page one is: the part of the address behind the #. */

export const TASKS = "#/";
export const NEW_TASK = "#/new";
export const GIT_HOSTS = "#/git";

/** The address of a task. */
export function taskAddress(taskId) {
    return `#/tasks/${encodeURIComponent(taskId)}`;
}

/** The address of a project's settings. */
export function projectAddress(projectId) {
    return `#/projects/${encodeURIComponent(projectId)}`;
}

/** What an address asks for; what is not understood asks for the list. */
export function routeOf(hash) {
    const [name = "", argument = ""] = hash.replace(/^#\/?/, "").split("/");
    if (name === "link" && argument) {
        return { name: "link", secret: decoded(argument) };
    }
    if (name === "tasks" && argument) {
        return { name: "task", taskId: decoded(argument) };
    }
    if (name === "projects" && argument) {
        return { name: "project", projectId: decoded(argument) };
    }
    return { name: ["new", "git"].includes(name) ? name : "tasks" };
}

function decoded(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}
