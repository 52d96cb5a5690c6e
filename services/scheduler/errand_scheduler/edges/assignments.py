"""What a runner should have: a snapshot, then changes, computed from the database each time something moved."""

import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import runner_pb2, task_pb2
from errand_common.clock import Clock
from errand_common.errors import Conflict, Unavailable
from errand_common.values import AttemptPhase, InputKind
from errand_common.wire import duration, number
from errand_scheduler import wire
from errand_scheduler.runners import RunnerSession
from errand_scheduler.store import attempts, inputs, projects, tasks
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.inputs import Waiting
from errand_scheduler.store.reader import Reader

_INPUT_BYTES = 128 * 1024  # JSON may make six bytes of one, and a message holds 1 MiB


@dataclass(frozen=True)
class _Told:
    """What a runner was told of an attempt, as far as that changes."""

    stopping: bool
    input_ids: frozenset[str]


async def assignments(
    reader: Reader, clock: Clock, session: RunnerSession
) -> AsyncIterator[pb.WatchAssignmentsResponse]:
    """Raises Conflict SESSION_SUPERSEDED once another session or watch replaced this one, Unavailable at a stop."""
    session.watch_number += 1
    watch_number, told, version = session.watch_number, dict[str, _Told](), 0
    session.changed.set()
    while True:
        session.changed.clear()
        live = await reader.all(attempts.live_of_runner(session.runner_id))
        now = _to_tell(live, await reader.all(inputs.untaken_of_runner(session.runner_id)))
        new = [attempt for attempt in live if not _covers(told.get(attempt.attempt_id), now[attempt.attempt_id])]
        gone = [attempt_id for attempt_id in told if attempt_id not in now]
        _check(session, watch_number)
        if new or gone or version == 0:
            yield pb.WatchAssignmentsResponse(
                snapshot=version == 0,
                base_version=version,
                version=version + 1,
                assignments=[
                    await _assignment(reader, clock, attempt, now[attempt.attempt_id].input_ids) for attempt in new
                ],
                removed_attempt_ids=gone,
            )
            version += 1
            told = now
        await session.changed.wait()
        _check(session, watch_number)


def _to_tell(live: Sequence[Attempt], waiting: Sequence[Waiting]) -> dict[str, _Told]:
    sizes: dict[str, list[tuple[str, int]]] = defaultdict(list)
    # What steers goes before what is queued: it is for the running turn. The sort is stable.
    for each in sorted(waiting, key=lambda each: each.kind is not InputKind.STEER):
        sizes[each.attempt_id].append((each.input_id, each.size_bytes))
    return {
        attempt.attempt_id: _Told(_stopping(attempt), frozenset(_fitting(sizes[attempt.attempt_id])))
        for attempt in live
    }


def _covers(told: _Told | None, now: _Told) -> bool:
    """Whether there is nothing new to tell. That inputs were taken up, the runner knows first."""
    return told is not None and told.stopping == now.stopping and now.input_ids <= told.input_ids


def _stopping(attempt: Attempt) -> bool:
    return attempt.phase is AttemptPhase.STOPPING


def _check(session: RunnerSession, watch_number: int) -> None:
    if session.stopping:
        raise Unavailable("the scheduler is stopping; come back")
    if session.superseded or session.watch_number != watch_number:
        raise Conflict("another session or watch of this runner replaced this one", reason="SESSION_SUPERSEDED")


def _fitting(sizes: Sequence[tuple[str, int]]) -> list[str]:
    """The oldest, as many as one message to the model holds; the rest follows once these are taken up."""
    totals = itertools.accumulate(size for _, size in sizes)
    return [input_id for (input_id, _), total in zip(sizes, totals, strict=True) if total <= _INPUT_BYTES]


async def _assignment(
    reader: Reader, clock: Clock, attempt: Attempt, input_ids: frozenset[str]
) -> runner_pb2.Assignment:
    task = await reader.one(tasks.by_id(attempt.task_id))
    assert task is not None  # foreign key
    project = await reader.one(projects.by_id(task.project_id))
    assert project is not None  # foreign key
    untaken = await reader.all(inputs.untaken(attempt.task_id))
    wanted = runner_pb2.DESIRED_STATE_STOP if _stopping(attempt) else runner_pb2.DESIRED_STATE_RUN
    return runner_pb2.Assignment(
        attempt=runner_pb2.AttemptRef(attempt_id=attempt.attempt_id, fence=attempt.fence),
        desired_state=wanted,
        phase=number(task_pb2.AttemptPhase, attempt.phase),
        task=wire.task(task),
        project=wire.project(project),
        inputs=[wire.input_(each) for each in untaken if each.input_id in input_ids],
        queue_duration=duration(max(clock.now_us() - task.queue_time, 0) / 1e6),
    )
