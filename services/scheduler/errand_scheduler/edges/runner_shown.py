"""A runner as operators see it."""

from collections.abc import Sequence

from errand.v1 import runner_pb2 as pb
from errand.v1 import task_pb2
from errand_common.wire import duration, number, timestamp
from errand_scheduler.placing import seats
from errand_scheduler.placing.conditions import CONDITIONS
from errand_scheduler.runners import RunnerSession
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.runners import Runner


def shown(runner: Runner, live: Sequence[Attempt], *, session: RunnerSession | None, condition: str) -> pb.Runner:
    """The runner with what it has. `condition` says what keeps it from work altogether, in the words of a seat."""
    slots = session.arrival.slots if session else 0
    words = _words(runner, condition, slots=slots, used=len(live))
    told = session.host if session else None
    return pb.Runner(
        runner_id=runner.runner_id,
        name=runner.name,
        labels=runner.labels,
        version=runner.version,
        mode=number(pb.RunnerMode, runner.mode),
        drain_time=timestamp(runner.drain_time),
        slots=slots,
        used_slots=len(live),
        condition=CONDITIONS[words],
        condition_words=words,
        heard_time=timestamp(session.heard_time if session else runner.session_time),
        created_time=timestamp(runner.created_time),
        attempts=[_attempt(each) for each in live],
        protocol=session.arrival.protocol if session else 0,
        features=sorted(session.arrival.features) if session else (),
        host=told.report if told else None,
        clock_offset=duration(told.clock_offset_s) if told else None,
    )


def _words(runner: Runner, condition: str, *, slots: int, used: int) -> str:
    if runner.revoked:
        return seats.REVOKED
    if condition:
        return condition
    if slots <= 0:
        return seats.NO_SLOTS
    return seats.BUSY if used >= slots else ""


def _attempt(attempt: Attempt) -> pb.RunnerAttempt:
    return pb.RunnerAttempt(
        attempt_id=attempt.attempt_id,
        task_id=attempt.task_id,
        phase=number(task_pb2.AttemptPhase, attempt.phase),
        disconnected=attempt.disconnected,
        created_time=timestamp(attempt.created_time),
    )
