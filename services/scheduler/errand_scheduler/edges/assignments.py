"""What a runner should have: a snapshot, then changes, read from the database for each attempt that moved."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import runner_pb2, task_pb2
from errand_common.clock import Clock
from errand_common.errors import Conflict, Unavailable
from errand_common.values import AttemptPhase
from errand_common.wire import duration, number
from errand_scheduler import wire
from errand_scheduler.edges.directives import cause_for
from errand_scheduler.edges.told import Told, to_tell
from errand_scheduler.runners import RunnerSession
from errand_scheduler.store import attempts, judgements, projects, tasks
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.tasks import Task

_MESSAGE_BYTES = 3 * 1024 * 1024
"""The most that the assignments of one message hold: below what gRPC carries."""
_AT_ONCE = 32  # assignments whose tasks are read together: prompts may be long


@dataclass(frozen=True)
class _Change:
    """What is to be told: whole attempts, and those that are over."""

    new: Sequence[Attempt]
    gone: Sequence[str]


async def assignments(
    reader: Reader, clock: Clock, session: RunnerSession, *, draws_money: bool
) -> AsyncIterator[pb.WatchAssignmentsResponse]:
    """A long change comes in several messages of one chain of versions, all but the last marked to go on; of a snapshot
    the first is marked as one. `draws_money` is said of every assignment.

    Raises Conflict SESSION_SUPERSEDED once another session or watch replaced this one, Unavailable at a stop.
    """
    session.watch_number += 1
    watch_number, told, version = session.watch_number, dict[str, Told](), 0
    session.changed.set()
    while True:
        session.changed.clear()
        moved, session.moved = list(session.moved), {}
        renewed, session.renewed = session.renewed, set()
        everything = attempts.live_of_runner(session.runner_id)
        live = await reader.all(attempts.live_among(moved) if version else everything)
        now = await to_tell(reader, live)
        before = {attempt_id: each for attempt_id, each in told.items() if attempt_id not in renewed}
        change = _change(live, before, now, [each for each in moved if each in told])
        _check(session, watch_number)
        if change.new or change.gone or version == 0:
            async for message in _messages(reader, clock, session, change, now):
                _check(session, watch_number)
                message.snapshot, message.base_version, message.version = version == 0, version, version + 1
                for assignment in message.assignments:
                    assignment.draws_money = draws_money
                yield message
                version += 1
            told = {attempt_id: each for attempt_id, each in told.items() if attempt_id not in change.gone} | now
        await session.changed.wait()
        _check(session, watch_number)


def _change(
    live: Sequence[Attempt], told: Mapping[str, Told], now: Mapping[str, Told], moved: Sequence[str]
) -> _Change:
    """`told` lacks what is to be told anew; `moved` are those of which something was told ever."""
    new = [attempt for attempt in live if not now[attempt.attempt_id].covered_by(told.get(attempt.attempt_id))]
    new.sort(key=lambda attempt: attempt.phase is AttemptPhase.OFFERED)
    return _Change(new=new, gone=[attempt_id for attempt_id in moved if attempt_id not in now])


async def _messages(
    reader: Reader, clock: Clock, session: RunnerSession, change: _Change, now: Mapping[str, Told]
) -> AsyncIterator[pb.WatchAssignmentsResponse]:
    message, size = pb.WatchAssignmentsResponse(removed_attempt_ids=change.gone), 0
    causes = {attempt.attempt_id: attempt.stop_cause for attempt in change.new}
    for start in range(0, len(change.new), _AT_ONCE):
        for assignment in await _assignments(reader, clock, change.new[start : start + _AT_ONCE], now):
            assignment.stop_cause = number(
                runner_pb2.StopCause, cause_for(session, causes[assignment.attempt.attempt_id])
            )
            if size and size + assignment.ByteSize() > _MESSAGE_BYTES:
                message.more = True
                yield message
                message, size = pb.WatchAssignmentsResponse(), 0
            message.assignments.append(assignment)
            size += assignment.ByteSize()
    yield message


def _check(session: RunnerSession, watch_number: int) -> None:
    if session.stopping:
        raise Unavailable("the scheduler is stopping; come back")
    if session.superseded or session.watch_number != watch_number:
        raise Conflict("another session or watch of this runner replaced this one", reason="SESSION_SUPERSEDED")


async def _assignments(
    reader: Reader, clock: Clock, some: Sequence[Attempt], now: Mapping[str, Told]
) -> list[runner_pb2.Assignment]:
    found = {task.task_id: task for task in await reader.all(tasks.among([each.task_id for each in some]))}
    project_ids = list(dict.fromkeys(task.project_id for task in found.values()))
    checks = dict(await reader.all(judgements.checks_among(list(found))))
    of = {project.project_id: wire.project(project) for project in await reader.all(projects.among(project_ids))}
    return [
        _assignment(clock, attempt, now[attempt.attempt_id], task, of[task.project_id], checks.get(task.task_id))
        for attempt in some
        for task in (found[attempt.task_id],)
    ]


def _assignment(
    clock: Clock, attempt: Attempt, told: Told, task: Task, project: task_pb2.Project, check: bytes | None
) -> runner_pb2.Assignment:
    return runner_pb2.Assignment(
        attempt=runner_pb2.AttemptRef(attempt_id=attempt.attempt_id, fence=attempt.fence),
        desired_state=runner_pb2.DESIRED_STATE_STOP if told.stopping else runner_pb2.DESIRED_STATE_RUN,
        phase=number(task_pb2.AttemptPhase, attempt.phase),
        task=wire.task(task),
        project=project,
        inputs=[wire.input_(each) for each in told.inputs],
        queue_duration=duration(max(clock.now_us() - task.queue_time, 0) / 1e6),
        last_check=None if check is None else task_pb2.CheckResult.FromString(check),
    )
