"""Runner sessions with a clock that is moved, and attempts that go through them."""

from errand_common.ids import Ids
from errand_common.values import AttemptPhase, FailureReason
from errand_scheduler.runners import Arrival, RunnerSession, RunnerSessions
from errand_scheduler.store.attempts import Attempt, StopCause
from tests.unit.scheduler.world import DURATIONS, RUNNER, StillClock

QUARANTINE_S = 60 * DURATIONS.beat_s


class Door:
    """Runner sessions, and a clock that is moved."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.sessions = RunnerSessions(self.clock, Ids(self.clock), DURATIONS)

    def enters(self, nonce: str, *, slots: int = 2) -> tuple[RunnerSession, bool] | None:
        """The process's session, settled; none where it was refused."""
        if self.sessions.judge(RUNNER, nonce):
            return None
        arrival = Arrival(runner_id=RUNNER, name="box", nonce=nonce, slots=slots, labels={"gpu": "yes"})
        session, newly_started = self.sessions.open(arrival)
        self.sessions.settle(session)
        return session, newly_started

    def session(self, nonce: str) -> RunnerSession:
        entered = self.enters(nonce)
        assert entered is not None
        return entered[0]

    def left_s(self, nonce: str) -> float:
        quarantine = self.sessions.judge(RUNNER, nonce)
        return quarantine.left_s if quarantine else 0.0

    def condition(self) -> str:
        (seat,) = self.sessions.seats([])
        return seat.condition


def attempt(
    task_id: str, phase: AttemptPhase, failure: FailureReason | None = None, cause: StopCause | None = None
) -> Attempt:
    return Attempt(
        attempt_id=f"att_{task_id}",
        task_id=task_id,
        user_id="usr_1",
        runner_id=RUNNER,
        fence=1,
        phase=phase,
        reason="",
        failure_reason=failure,
        stop_cause=cause,
        disconnected=False,
        deadline_time=None,
        acked_sequence=0,
        created_time=0,
        accepted_time=0,
        completed_time=0,
    )
