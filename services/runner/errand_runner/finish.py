"""What a turn came to, as the runner and not the model found it: for the finish card, and the pull request's footer."""

from dataclasses import dataclass, field, replace

from errand_common.values import CheckOutcome, summarise
from errand_runner.scripts import Ran
from errand_runner.workspace import Changes

TAIL_BYTES = 1024
"""The most that is told of what a check printed last (ARCHITECTURE.md, Bounds)."""

_PRINTED_CHARACTERS = 8_000


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What came of the project's declared check on `commit`. `exit_code` is None where a signal ended it, or nothing
    ran; `reason` says in words how it failed, or why it could not be run; `tail` is the last that it printed, at most
    1 KiB, and `printed` more of that, for Claude. Results of equal `key` are of the same check on the same commit.
    """

    outcome: CheckOutcome = CheckOutcome.NONE_DECLARED
    commit: str = ""
    exit_code: int | None = None
    duration_s: float = 0.0
    tail: str = ""
    reason: str = ""
    key: str = ""
    printed: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Finish:
    """`result` is Claude's last words, whole, and `message_id` where they stand. `changes` is None where the branch
    holds nothing that the project's default branch does not."""

    result: str
    changes: Changes | None
    check: CheckResult = CheckResult()
    message_id: str = ""


def judged(ran: Ran, *, limit_s: float, what: str = "") -> CheckResult:
    """What it says of the work that a script ended so. One that was not through in time says nothing of it."""
    printed = ran.printed.strip()
    told = CheckResult(
        duration_s=ran.exit.duration_s,
        tail=summarise(printed, limit_bytes=TAIL_BYTES, tail=True),
        printed=printed[-_PRINTED_CHARACTERS:],
    )
    if ran.passed:
        return replace(told, outcome=CheckOutcome.PASSED, exit_code=0)
    outcome = CheckOutcome.NOT_RUN if ran.exit.timed_out else CheckOutcome.FAILED
    return replace(told, outcome=outcome, exit_code=ran.exit.code, reason=f"{what}{ran.end(limit_s)}")
