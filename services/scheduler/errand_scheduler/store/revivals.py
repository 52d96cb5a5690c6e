"""Where a task stood before an input alone sent it on, as its row remembers it."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from errand_common.values import FailureReason, TaskStatus, WaitReason


@dataclass(frozen=True)
class Stood:
    """A final status, or a wait that no attempt was kept for, with what belongs to it."""

    status: TaskStatus
    status_reason: str = ""
    failure_reason: FailureReason | None = None
    wait_reason: WaitReason | None = None
    resume_time: int | None = None
    deadline_time: int | None = None
    completed_time: int | None = None


@dataclass(frozen=True)
class Revival:
    """The first of the inputs that sent a task on, and where it `stood`; none while what it does next still depends on
    an attempt that is being stopped."""

    input_id: str
    stood: Stood | None = None


def to_text(revival: Revival | None) -> str | None:
    """As the column has it."""
    return None if revival is None else json.dumps(asdict(revival))


def from_text(text: str | None) -> Revival | None:
    """What `to_text` wrote."""
    if text is None:
        return None
    found = json.loads(text)
    return Revival(input_id=found["input_id"], stood=None if found["stood"] is None else _stood(found["stood"]))


def _stood(found: dict[str, Any]) -> Stood:
    failure, wait = found["failure_reason"], found["wait_reason"]
    return Stood(
        status=TaskStatus(found["status"]),
        status_reason=found["status_reason"],
        failure_reason=FailureReason(failure) if failure else None,
        wait_reason=WaitReason(wait) if wait else None,
        resume_time=found["resume_time"],
        deadline_time=found["deadline_time"],
        completed_time=found["completed_time"],
    )
