"""What a turn came to, as the runner and not the model found it: for the finish card, and the pull request's footer."""

from dataclasses import dataclass

from errand_common.values import CheckOutcome
from errand_runner.workspace import Changes

TAIL_BYTES = 1024
"""The most that is told of what a check printed last (ARCHITECTURE.md, Bounds)."""


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What came of the project's declared check on `commit`. `exit_code` is None where a signal ended it, or nothing
    ran; `reason` says in words why it failed or could not be run; `tail` is the last that it printed."""

    outcome: CheckOutcome = CheckOutcome.NONE_DECLARED
    commit: str = ""
    exit_code: int | None = None
    duration_s: float = 0.0
    tail: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Finish:
    """`result` is Claude's last words, whole. `changes` is None where the branch holds nothing that the project's
    default branch does not."""

    result: str
    changes: Changes | None
    check: CheckResult = CheckResult()
