"""What a runner should have: a snapshot, then changes, computed from the database each time something moved."""

import itertools
from collections.abc import AsyncIterator

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import runner_pb2, task_pb2
from errand_common.clock import Clock
from errand_common.errors import Conflict, Unavailable
from errand_common.values import AttemptPhase
from errand_common.wire import duration, number
from errand_scheduler import wire
from errand_scheduler.runners import RunnerSession
from errand_scheduler.store import attempts, inputs, projects, tasks
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.inputs import Input
from errand_scheduler.store.reader import Reader

_INPUT_BYTES = 128 * 1024  # JSON may make six bytes of one, and a message holds 1 MiB


async def assignments(
    reader: Reader, clock: Clock, session: RunnerSession
) -> AsyncIterator[pb.WatchAssignmentsResponse]:
    """Raises Conflict SESSION_SUPERSEDED once another session or watch replaced this one, Unavailable at a stop."""
    session.watch_number += 1
    watch_number, sent, version = session.watch_number, dict[str, bool](), 0
    session.changed.set()
    while True:
        session.changed.clear()
        live = {attempt.attempt_id: attempt for attempt in await reader.all(attempts.live_of_runner(session.runner_id))}
        new = [attempt for attempt in live.values() if sent.get(attempt.attempt_id) != _stopping(attempt)]
        gone = [attempt_id for attempt_id in sent if attempt_id not in live]
        _check(session, watch_number)
        if new or gone or version == 0:
            yield pb.WatchAssignmentsResponse(
                snapshot=version == 0,
                base_version=version,
                version=version + 1,
                assignments=[await _assignment(reader, clock, attempt) for attempt in new],
                removed_attempt_ids=gone,
            )
            version += 1
            sent = {attempt_id: _stopping(attempt) for attempt_id, attempt in live.items()}
        await session.changed.wait()
        _check(session, watch_number)


def _stopping(attempt: Attempt) -> bool:
    return attempt.phase is AttemptPhase.STOPPING


def _check(session: RunnerSession, watch_number: int) -> None:
    if session.stopping:
        raise Unavailable("the scheduler is stopping; come back")
    if session.superseded or session.watch_number != watch_number:
        raise Conflict("another session or watch of this runner replaced this one", reason="SESSION_SUPERSEDED")


def _fitting(untaken: list[Input]) -> list[Input]:
    """The oldest, as many as one message to the model holds; the rest is for the next attempt."""
    sizes = itertools.accumulate(len(each.text.encode()) for each in untaken)
    return [each for each, size in zip(untaken, sizes, strict=True) if size <= _INPUT_BYTES]


async def _assignment(reader: Reader, clock: Clock, attempt: Attempt) -> runner_pb2.Assignment:
    task = await reader.one(tasks.by_id(attempt.task_id))
    assert task is not None  # foreign key
    project = await reader.one(projects.by_id(task.project_id))
    assert project is not None  # foreign key
    wanted = runner_pb2.DESIRED_STATE_STOP if _stopping(attempt) else runner_pb2.DESIRED_STATE_RUN
    return runner_pb2.Assignment(
        attempt=runner_pb2.AttemptRef(attempt_id=attempt.attempt_id, fence=attempt.fence),
        desired_state=wanted,
        phase=number(task_pb2.AttemptPhase, attempt.phase),
        task=wire.task(task),
        project=wire.project(project),
        inputs=[wire.input_(each) for each in _fitting(await reader.all(inputs.untaken(attempt.task_id)))],
        queue_duration=duration(max(clock.now_us() - task.queue_time, 0) / 1e6),
    )
