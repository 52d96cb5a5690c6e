"""How a command ends: one table of exit codes, which scripts go by (docs/cli.md)."""

from enum import IntEnum

from errand_common.errors import (
    Conflict,
    Denied,
    ErrandError,
    Exhausted,
    Invalid,
    NotFound,
    Unauthenticated,
    Unavailable,
)


class Exit(IntEnum):
    """The codes; `MEANINGS` says what each says."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    DENIED = 4
    UNAVAILABLE = 5
    CONFLICT = 6
    LIMIT = 7
    WAITS = 8
    INTERRUPTED = 130


MEANINGS = {
    Exit.DONE: "done; of a watched task: it is completed",
    Exit.FAILED: "a watched task failed or was stopped, or something broke",
    Exit.USAGE: "the command was used wrongly, or what it sent breaks a rule",
    Exit.NOT_FOUND: "there is no such thing, or not for you",
    Exit.DENIED: "no credential, not a good one, or one that may not do this",
    Exit.UNAVAILABLE: "the scheduler, or something that it needs, does not answer",
    Exit.CONFLICT: "it is not in a state in which this can be done",
    Exit.LIMIT: "a limit is reached; come back later",
    Exit.WAITS: "a watched task waits for a person, or `errand status --check` found something for one",
    Exit.INTERRUPTED: "stopped by Ctrl-C",
}

_OF_ERRORS: tuple[tuple[type[ErrandError], Exit], ...] = (
    (Invalid, Exit.USAGE),
    (NotFound, Exit.NOT_FOUND),
    (Unauthenticated, Exit.DENIED),
    (Denied, Exit.DENIED),
    (Unavailable, Exit.UNAVAILABLE),
    (Conflict, Exit.CONFLICT),
    (Exhausted, Exit.LIMIT),
)


def of_error(error: ErrandError) -> Exit:
    """How a command ends that met this."""
    return next((code for kind, code in _OF_ERRORS if isinstance(error, kind)), Exit.FAILED)


def of_task(status: str, wait_reason: str) -> Exit | None:
    """How a watch ends of a task that stands so; None where it goes on by itself. Both are words of the contract."""
    match status:
        case "completed":
            return Exit.DONE
        case "failed" | "cancelled":
            return Exit.FAILED
        case "waiting" if wait_reason in ("question", "allowance"):
            return Exit.WAITS
    return None
