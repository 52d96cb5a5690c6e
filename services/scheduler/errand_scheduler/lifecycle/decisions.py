"""What should happen to a task or an attempt: pure functions of rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from errand_common.values import AttemptPhase, FailureReason, TaskStatus, WaitReason
from errand_scheduler.store.attempts import Attempt, StopCause
from errand_scheduler.store.tasks import Task

AT_WORK = (AttemptPhase.ACCEPTED, AttemptPhase.STARTING, AttemptPhase.RUNNING)
"""The phases in which an attempt may act."""

BEFORE_WORK = (AttemptPhase.ACCEPTED, AttemptPhase.STARTING)
"""Those in which the model has not been asked yet."""

MOST_RETRIES = 3
"""How often the machinery's failures are made up for by another attempt."""

MOST_RUNNERS_AT_RISK = 3
"""On how many runners a task may fail before its work begins."""

_MACHINERY = (
    FailureReason.ENGINE,
    FailureReason.IMAGE,
    FailureReason.SANDBOX,
    FailureReason.DISK,
    FailureReason.RUNNER_LOST,
)


class Stop(Enum):
    """What a person's stop does."""

    NOTHING = auto()
    CANCEL = auto()
    WITHDRAW = auto()
    ASK_RUNNER = auto()
    ALREADY_ASKED = auto()
    CANCEL_WITHOUT_RUNNER = auto()


def on_stop(status: TaskStatus, attempt: Attempt | None, *, runner_present: bool) -> Stop:
    """A stop never fails: where no runner can be asked, it is done at once."""
    if status.final:
        return Stop.NOTHING
    if attempt is None:
        return Stop.CANCEL
    if attempt.phase is AttemptPhase.OFFERED:
        return Stop.WITHDRAW
    if not runner_present:
        return Stop.CANCEL_WITHOUT_RUNNER
    return Stop.ALREADY_ASKED if attempt.phase is AttemptPhase.STOPPING else Stop.ASK_RUNNER


class Retry(Enum):
    """What a person's wish to send a task on does."""

    NOTHING = auto()
    QUEUE = auto()
    AFTER_WAIT = auto()
    REFUSE_COMPLETED = auto()
    REFUSE_QUESTION = auto()


def on_retry(task: Task, attempt: Attempt | None) -> Retry:
    """A task that is on its way needs none, a question needs words."""
    match task.status:
        case TaskStatus.PENDING | TaskStatus.RUNNING:
            return Retry.NOTHING
        case TaskStatus.COMPLETED:
            return Retry.REFUSE_COMPLETED
        case TaskStatus.WAITING if task.wait_reason is WaitReason.QUESTION:
            return Retry.REFUSE_QUESTION
        case TaskStatus.WAITING if attempt is not None:
            return Retry.NOTHING if task.resume_after_stop else Retry.AFTER_WAIT
    return Retry.QUEUE


class Held(Enum):
    """What a runner should do with an attempt that it says it has."""

    KEEP = auto()
    STOP = auto()
    FORGET = auto()


def on_held(attempt: Attempt | None, *, runner_id: str, fence: int) -> Held:
    """The verdict: only a live attempt of this runner under this fence is kept."""
    if not holds(attempt, runner_id=runner_id, fence=fence):
        return Held.FORGET
    assert attempt is not None
    return Held.STOP if attempt.phase is AttemptPhase.STOPPING else Held.KEEP


def holds(attempt: Attempt | None, *, runner_id: str, fence: int) -> bool:
    """Whether this runner may still write under this fence."""
    return attempt is not None and owns(attempt, runner_id=runner_id, fence=fence) and not attempt.phase.final


def owns(attempt: Attempt, *, runner_id: str, fence: int) -> bool:
    """Whether the attempt, final or not, is this runner's under this fence."""
    return attempt.runner_id == runner_id and attempt.fence == fence


def next_fence(last: int, generation: int) -> int:
    """Rises by one within a generation and begins above every older generation."""
    return max(last, generation << 32) + 1


def precedes(fence: int, generation: int) -> bool:
    """Whether a fence is of a history that ended before this generation began."""
    return fence >> 32 < generation


def follows(current: AttemptPhase, reported: AttemptPhase) -> bool:
    """Whether a phase that the runner reports moves the attempt: phases only rise, and only to work."""
    return reported in (AttemptPhase.STARTING, AttemptPhase.RUNNING) and reported.rank > current.rank


def ended_as(attempt: Attempt, reported: AttemptPhase) -> AttemptPhase:
    """The final phase of an attempt whose runner reports this one: what had it stopped comes first."""
    if attempt.stop_cause is StopCause.DEADLINE:
        return reported if reported is AttemptPhase.SUCCEEDED else AttemptPhase.TIMED_OUT
    if attempt.stop_cause is StopCause.DRAIN:
        return reported if reported is AttemptPhase.SUCCEEDED else AttemptPhase.CANCELLED
    if attempt.stop_cause is StopCause.PERSON and reported is AttemptPhase.PARKED:
        return AttemptPhase.CANCELLED
    return reported


def failure_of(attempt: Attempt, phase: AttemptPhase, reported: FailureReason | None) -> FailureReason | None:
    """Why the attempt, as it stood before it ended in this phase, failed. Time is part of the allowance."""
    match phase:
        case AttemptPhase.FAILED:
            return reported or FailureReason.INTERNAL
        case AttemptPhase.TIMED_OUT:
            late = FailureReason.START if attempt.phase in BEFORE_WORK else FailureReason.ALLOWANCE
            return attempt.failure_reason or late
        case AttemptPhase.LOST:
            return FailureReason.RUNNER_LOST
    return None


def failed_early(old_phase: AttemptPhase | None, ended: Attempt) -> bool:
    """Whether the machinery, not the work, failed an attempt that ended from `old_phase`."""
    if ended.stop_cause is StopCause.PERSON or ended.phase is AttemptPhase.SUCCEEDED:
        return False
    return ended.failure_reason is FailureReason.START or (
        old_phase in BEFORE_WORK and ended.failure_reason in _MACHINERY
    )


def drained(ended: Attempt) -> bool:
    """Whether an attempt ended for no other reason than that its runner goes out of service."""
    return ended.stop_cause is StopCause.DRAIN and ended.phase is AttemptPhase.CANCELLED


@dataclass(frozen=True)
class Next:
    """Where a task stands after its attempt; `failure` where it failed, `retry` where another attempt makes up."""

    status: TaskStatus
    failure: FailureReason | None = None
    retry: bool = False


@dataclass(frozen=True)
class Left:
    """What an attempt leaves: whether inputs wait, whether any came after it began or after its open question, whether
    it took any up, where the task failed in a row."""

    inputs_wait: bool
    took_any: bool
    newer_wait: bool = False
    answer_waits: bool = False
    failed_on: Sequence[str] = ()


def after_end(task: Task, before: Attempt, ended: Attempt, left: Left) -> Next:
    """Where the task stands once its attempt ended."""
    if before.phase is AttemptPhase.STOPPING and task.resume_after_stop:
        return Next(TaskStatus.PENDING)
    if ended.stop_cause is StopCause.PERSON:
        return Next(TaskStatus.CANCELLED)
    if drained(ended):
        return Next(TaskStatus.PENDING)
    if failed_early(before.phase, ended):
        return _after_early_failure(task, ended, left)
    match ended.phase:
        case AttemptPhase.SUCCEEDED:
            # One that took nothing up of what was there before it would do so again, for ever.
            more = left.newer_wait or (left.inputs_wait and left.took_any)
            return Next(TaskStatus.PENDING if more else TaskStatus.COMPLETED)
        case AttemptPhase.CANCELLED:
            return Next(TaskStatus.CANCELLED)
        case AttemptPhase.PARKED | AttemptPhase.LOST if task.status is TaskStatus.WAITING:
            # What was written before the question does not answer it: it would be asked again, for ever.
            asked = task.wait_reason is WaitReason.QUESTION
            goes_on = task.resume_after_stop or (left.answer_waits if asked else left.inputs_wait)
            return Next(TaskStatus.PENDING if goes_on else TaskStatus.WAITING)
        case AttemptPhase.PARKED:
            return _parked_without_waiting(left)
    return Next(TaskStatus.FAILED, ended.failure_reason)


def without_inputs(task: Task, before: Attempt, ended: Attempt, left: Left) -> Next:
    """Where the task would stand then if no input waited: in a stop, it is inputs alone that have it go on."""
    if before.phase is AttemptPhase.STOPPING:
        task = task._replace(resume_after_stop=False)
    return after_end(task, before, ended, replace(left, inputs_wait=False, newer_wait=False, answer_waits=False))


def _after_early_failure(task: Task, ended: Attempt, left: Left) -> Next:
    if len({ended.runner_id, *left.failed_on}) >= MOST_RUNNERS_AT_RISK:
        return Next(TaskStatus.FAILED, FailureReason.POISON)
    if task.retry_count >= MOST_RETRIES:
        return Next(TaskStatus.FAILED, ended.failure_reason)
    return Next(TaskStatus.PENDING, retry=True)


def _parked_without_waiting(left: Left) -> Next:
    """The wait ended while the runner was parking it; or there was none, which is the runner's mistake."""
    if left.inputs_wait:
        return Next(TaskStatus.PENDING)
    return Next(TaskStatus.FAILED, FailureReason.INTERNAL)
