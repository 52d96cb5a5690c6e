"""A stop works wherever a task stands, with a runner there and without one."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from errand_common.errors import Conflict
from errand_common.values import AttemptPhase, InputKind, TaskStatus
from errand_scheduler.lifecycle import deadlines
from errand_scheduler.lifecycle.effects import PhaseReported
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.store import attempts
from errand_scheduler.store.attempts import StopCause
from tests.unit.scheduler.world import ALLOWANCE, DURATIONS, QUESTION, QUOTA, World, event, kinds_told, reason_of

Reach = Callable[[World, str], Awaitable[Holder | None]]


async def pending(world: World, task_id: str) -> None:
    assert (await world.task(task_id)).status is TaskStatus.PENDING


async def offered(world: World, task_id: str) -> Holder:
    return await world.offered(task_id)


async def accepted(world: World, task_id: str) -> Holder:
    return await world.accepted(task_id)


async def starting(world: World, task_id: str) -> Holder:
    holder = await world.accepted(task_id)
    await world.told(holder, event(1, PhaseReported(AttemptPhase.STARTING)))
    return holder


async def running(world: World, task_id: str) -> Holder:
    return await world.running(task_id)


async def disconnected(world: World, task_id: str) -> Holder:
    holder = await world.running(task_id)
    await world.writer.write(lambda tx: deadlines.mark_away(tx, holder.attempt_id))
    return holder


async def stopping(world: World, task_id: str) -> Holder:
    holder = await world.running(task_id)
    await world.stopped(task_id)
    return holder


async def too_late(world: World, task_id: str) -> Holder:
    holder = await world.running(task_id)
    await world.writer.write(lambda tx: deadlines.end_phase(tx, holder.attempt_id, AttemptPhase.RUNNING, DURATIONS))
    return holder


async def hot_question(world: World, task_id: str) -> Holder:
    return await world.hot(task_id, QUESTION)


async def hot_allowance(world: World, task_id: str) -> Holder:
    holder = await world.hot(task_id, ALLOWANCE)
    await world.retried(task_id)
    return holder


async def parked_question(world: World, task_id: str) -> None:
    await world.parked(task_id, QUESTION)


async def parked_quota(world: World, task_id: str) -> None:
    await world.parked(task_id, QUOTA)


async def completed(world: World, task_id: str) -> None:
    await world.finished(await world.running(task_id))


async def failed(world: World, task_id: str) -> None:
    await world.lost(await world.running(task_id))


async def cancelled(world: World, task_id: str) -> None:
    await world.stopped(task_id)


@dataclass(frozen=True)
class Row:
    """What a stop makes of a task, at once, where its runner is there and where it is not; none: nothing changes."""

    reach: Reach
    present: TaskStatus | None
    absent: TaskStatus | None


NOW, ASKED = TaskStatus.CANCELLED, TaskStatus.RUNNING
TABLE = [
    Row(pending, NOW, NOW),
    Row(offered, NOW, NOW),
    Row(accepted, ASKED, NOW),
    Row(starting, ASKED, NOW),
    Row(running, ASKED, NOW),
    Row(disconnected, ASKED, NOW),
    Row(stopping, ASKED, NOW),
    Row(too_late, ASKED, NOW),
    Row(hot_question, ASKED, NOW),
    Row(hot_allowance, ASKED, NOW),
    Row(parked_question, NOW, NOW),
    Row(parked_quota, NOW, NOW),
    Row(completed, None, None),
    Row(failed, None, None),
    Row(cancelled, None, None),
]


@pytest.mark.parametrize("runner_present", [True, False])
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.reach.__name__)
async def test_a_stop_never_fails_and_cancels_whatever_is_not_over(
    world: World, row: Row, *, runner_present: bool
) -> None:
    task_id = (await world.new_task()).task_id
    holder = await row.reach(world, task_id)
    before, told = await world.task(task_id), await kinds_told(world, task_id)
    stopped = await world.stopped(task_id, runner_present=runner_present)
    expected = row.present if runner_present else row.absent
    if expected is None:
        assert (await world.task(task_id), await kinds_told(world, task_id)) == (before, told)
        return
    assert stopped.status is expected
    again = await world.stopped(task_id, runner_present=runner_present)
    assert again.status is expected
    if holder is not None and expected is ASKED:
        assert (await world.attempt(holder.attempt_id)).stop_cause is StopCause.PERSON
        await world.finished(holder, AttemptPhase.CANCELLED)
    over = await world.task(task_id)
    assert (over.status, over.resume_after_stop, over.deadline_time) == (NOW, False, None)
    assert over.completed_time
    assert await world.reader.one(attempts.live_of_task(task_id)) is None


async def test_an_offer_is_withdrawn(world: World) -> None:
    task = await world.new_task()
    holder = await world.offered(task.task_id)
    await world.stopped(task.task_id)
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.WITHDRAWN


@pytest.mark.parametrize("phase", [AttemptPhase.CANCELLED, AttemptPhase.SUCCEEDED, AttemptPhase.TIMED_OUT])
async def test_a_stop_is_never_lost_however_the_attempt_ends(world: World, phase: AttemptPhase) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    await world.stopped(task.task_id)
    for _ in range(2):
        await world.finished(holder, phase)
    assert (await world.task(task.task_id)).status is TaskStatus.CANCELLED


async def test_a_runner_that_comes_back_after_a_stop_may_write_nothing(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    await world.stopped(task.task_id, runner_present=False)
    with pytest.raises(Conflict) as refused:
        await world.finished(holder)
    assert reason_of(refused.value) == "LEASE_SUPERSEDED"


async def test_a_stop_that_the_runner_does_not_finish_is_finished_without_it(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    await world.stopped(task.task_id)
    await world.writer.write(lambda tx: deadlines.finish_stop(tx, holder.attempt_id, DURATIONS))
    assert (await world.task(task.task_id)).status is TaskStatus.CANCELLED


async def test_what_is_asked_during_a_stop_goes_on_after_it_unless_stopped_again(world: World) -> None:
    first, second = await world.new_task(), await world.new_task()
    for task, status in ((first, TaskStatus.PENDING), (second, TaskStatus.CANCELLED)):
        holder = await world.accepted(task.task_id)
        await world.stopped(task.task_id)
        await world.input(task.task_id)
        if status is TaskStatus.CANCELLED:
            await world.stopped(task.task_id)
        await world.finished(holder, AttemptPhase.CANCELLED)
        assert (await world.task(task.task_id)).status is status


async def test_a_stop_wins_over_a_steer_that_was_written_before_it(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    await world.take_up(holder, task.task_id)
    await world.input(task.task_id, "wait", InputKind.STEER)
    await world.stopped(task.task_id)
    await world.finished(holder, AttemptPhase.CANCELLED)
    assert (await world.task(task.task_id)).status is TaskStatus.CANCELLED
