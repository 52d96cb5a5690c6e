/** What a person reads of a task's states: one word or phrase for each. */

export const STATUS = {
    pending: "Pending",
    running: "Running",
    stopping: "Stopping",
    waiting: "Waiting",
    completed: "Completed",
    failed: "Failed",
    cancelled: "Cancelled",
};

export const STEP = {
    queue: "queue",
    container: "container",
    clone: "clone",
    first_word: "first word",
    pull: "image",
    setup: "setup",
    check_container: "clean sandbox",
    check_clone: "clean clone",
    check_setup: "clean setup",
    check: "check",
};

/** What is done in a step of getting started, or of the check. */
export const GETTING_READY = {
    pull: "Getting the image",
    container: "Making the sandbox",
    clone: "Cloning the repository",
    setup: "Running the setup script",
    check_container: "Making a clean sandbox for the check",
    check_clone: "Cloning what was pushed",
    check_setup: "Running the setup script anew",
    check: "Running the project's check",
};

export const PHASE = {
    lost: "The runner was lost",
    timed_out: "A deadline passed",
};

export const FAILURE = {
    engine: "Docker on the runner does not work",
    image: "The sandbox image is missing or unusable",
    sandbox: "The sandbox broke",
    clone: "The repository could not be cloned",
    model_auth: "Claude refused the key",
    model_unavailable: "Claude did not answer",
    model_request: "Claude refused the request",
    model_refused: "Claude declined to go on",
    context: "The conversation became too long",
    allowance: "The allowance is spent",
    push: "The branch could not be pushed",
    pull_request: "The pull request could not be opened",
    repository: "No way to the repository",
    runner_lost: "The runner was lost",
    internal: "Something broke in the runner",
    disk: "The runner's disk is nearly full",
    start: "The sandbox was not ready in time",
    poison: "One runner after the other failed at it",
    setup: "The setup script failed",
};

/** What goes on shows itself: among the newest entries, before what a person added meanwhile. */
const LOOKED_AT = 20;

/** What is going on right now at the end of a task's story; empty where an entry shows it, or nothing goes on. */
export function activityOf(story) {
    switch (story.status) {
        case "pending":
            return `Waiting for a runner: ${story.statusReason || "looking for one"}`;
        case "waiting":
            return waitingActivity(story);
        case "running":
            return runningActivity(story);
    }
    return "";
}

function waitingActivity({ wait, statusReason }) {
    if (!wait) {
        return `Waiting: ${statusReason}`;
    }
    if (wait.answered) {
        const asks = wait.reason === "question";
        return asks ? "Your answer is on its way to Claude" : "Your words are on their way to Claude";
    }
    return wait.sentOn ? "It goes on in a moment" : "";
}

function pausedWords({ frozenReason }) {
    return frozenReason ? `paused: ${frozenReason}` : "paused until Errand hears of the host again";
}

function runningActivity(story) {
    const last = story.entries.at(-1);
    if (isStopping(story)) {
        return "Stopping";
    }
    if (story.statusReason || story.frozen) {
        return sentence(story.statusReason || pausedWords(story));
    }
    if (last?.kind === "delay") {
        return "Trying again";
    }
    if (story.entries.slice(-LOOKED_AT).some(({ live, state }) => live || state === "running")) {
        return "";
    }
    switch (story.phase) {
        case "running":
            break;
        case "starting":
            return "Getting ready";
        default:
            return "A runner takes it up";
    }
    return story.lastStep === "push" ? "Opening the pull request" : "Working";
}

function sentence(words) {
    return words.slice(0, 1).toUpperCase() + words.slice(1);
}

/** Whether a stop is under way. */
export function isStopping(story) {
    return story.status === "running" && (story.phase === "stopping" || story.statusReason === "stopping");
}
