"""How long what waits has waited, told when it moves on."""

from errand_common.clock import Clock
from errand_common.values import AttemptPhase, TaskStatus
from errand_scheduler.metrics import counted
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.notices import TaskMoved

_BEFORE_WORK = (AttemptPhase.OFFERED, AttemptPhase.ACCEPTED, AttemptPhase.STARTING)
_PENDING = "pending"
# Found once: to find a label's own counter costs more than to count.
_REACHED = {phase: counted.ATTEMPTS.labels(phase) for phase in AttemptPhase}
_LASTED = {phase: counted.PHASE_S.labels(phase) for phase in (_PENDING, *_BEFORE_WORK)}


class Phases:
    """Follows what is committed. What was under way before this process began is not counted: nobody saw it begin."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_s: dict[str, float] = {}
        """Of pending tasks and of attempts that do not work yet."""

    def task_moved(self, moved: TaskMoved) -> None:
        """A task's status, or its reason, changed."""
        if moved.new is TaskStatus.PENDING:
            if moved.old is not TaskStatus.PENDING:
                self._since_s[moved.task_id] = self._clock.boot_s()
        elif moved.old is TaskStatus.PENDING:
            self._end(moved.task_id, _PENDING)

    def attempt_moved(self, attempt: Attempt, old: AttemptPhase | None) -> None:
        """An attempt was made, or its phase changed."""
        _REACHED[attempt.phase].inc()
        if attempt.phase.final and attempt.failure_reason is not None:
            counted.FAILURES.labels(attempt.failure_reason).inc()
        if old is not None:
            self._end(attempt.attempt_id, old)
        if attempt.phase in _BEFORE_WORK:
            self._since_s[attempt.attempt_id] = self._clock.boot_s()

    def _end(self, subject_id: str, phase: str) -> None:
        since_s = self._since_s.pop(subject_id, None)
        if since_s is not None:
            _LASTED[phase].observe(self._clock.boot_s() - since_s)
