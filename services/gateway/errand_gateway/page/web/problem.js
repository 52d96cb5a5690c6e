/** Why something was refused or did not work, in words for people. */

export class Problem extends Error {
    /** `status` is HTTP's, 0 where no answer came; `reason` is a name of the contract's ErrorReason. */
    constructor({ status, reason, detail }) {
        super(detail);
        this.status = status;
        this.reason = reason;
    }
}

/** The problem that an answer tells. */
export async function problemOf(answer) {
    let told = {};
    try {
        told = await answer.json();
    } catch {
        // Something between here and the gateway answered in its own words.
    }
    const detail = told.detail ?? `The server answered ${answer.status}. Try again in a moment.`;
    return new Problem({ status: answer.status, reason: told.reason ?? "", detail });
}

/** No answer came. */
export function unanswered() {
    const detail = "Errand does not answer. Check this device's connection, or whether Errand runs, and try again.";
    return new Problem({ status: 0, reason: "UNANSWERED", detail });
}

/** The words of whatever was thrown; a bug of the page is told as one. */
export function wordsOf(error) {
    if (error instanceof Problem) {
        return error.message;
    }
    console.error(error);
    return `Something broke in this page (${error.message}). Reload it, and tell Errand's maintainers if it stays.`;
}
