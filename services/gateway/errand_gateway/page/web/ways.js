/** What a person can write to a task, or do with it, where it stands. */

const SEND = { kind: "queue", words: "Send" };
const NEXT = { words: "What should happen next?", main: SEND };
const ADD = { words: "Add something", main: SEND };
const ENDED = { ...NEXT, again: "Try again" };

const BY_STATUS = {
    running: {
        words: "Tell Claude something",
        main: { kind: "steer", words: "Steer now" },
        other: { kind: "queue", words: "After this turn" },
    },
    completed: NEXT,
    failed: ENDED,
    cancelled: ENDED,
};

const BY_WAIT = {
    question: { words: "Your answer to Claude's question", main: { kind: "answer", words: "Answer" } },
    quota: { ...ADD, again: "Try now" },
    allowance: { ...ADD, again: "Send on" },
};

/**
 * The `words` over the box; the `main` way to send what is in it, and the `other` one where there are two; and what
 * sends the task on with nothing added (`again`), where something does.
 */
export function waysOn(status, wait) {
    return (status === "waiting" && BY_WAIT[wait?.reason]) || BY_STATUS[status] || ADD;
}
