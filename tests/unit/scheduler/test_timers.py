"""How long tasks wait, by a clock that is moved, set and stopped."""

import pytest

from errand_common.values import TaskStatus
from tests.unit.scheduler.swept import Watched
from tests.unit.scheduler.world import DURATIONS, QUOTA, World


@pytest.mark.parametrize("restarted", [True, False])
async def test_a_task_waits_for_a_runner_for_seven_days(world: World, *, restarted: bool) -> None:
    watched = Watched(world)
    task = await world.new_task()
    await watched.sweep()
    if restarted:
        watched = Watched(world)
        await watched.restore(world.reader)
    await watched.leap(120_960 - 7)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    await watched.pass_beats(1)
    assert (await world.task(task.task_id)).status is TaskStatus.FAILED


async def test_a_wait_has_a_time_of_its_own(world: World) -> None:
    watched = Watched(world)
    asks, spent, answered = [await world.new_task() for _ in range(3)]
    await world.parked(asks.task_id)
    await world.parked(spent.task_id, QUOTA)
    await world.parked(answered.task_id)
    await watched.sweep()
    await watched.leap(600 / DURATIONS.beat_s - 7)
    assert (await world.task(spent.task_id)).status is TaskStatus.WAITING
    await watched.pass_beats(1)
    assert (await world.task(spent.task_id)).status is TaskStatus.PENDING
    await world.input(answered.task_id)
    await watched.sweep()
    await watched.leap(120_000)
    await world.running(answered.task_id)
    await watched.sweep()
    await watched.leap(398_000)
    assert (await world.task(asks.task_id)).status is TaskStatus.WAITING
    await watched.leap(500)
    assert (await world.task(asks.task_id)).status is TaskStatus.CANCELLED


async def test_a_scheduler_that_was_suspended_gives_up_no_task_at_once(world: World) -> None:
    watched = Watched(world)
    task = await world.new_task()
    await watched.sweep()
    world.clock.move(2 * DURATIONS.pending_s)
    await watched.sweep()
    await watched.pass_beats(5.5)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    await watched.pass_beats(1)
    assert (await world.task(task.task_id)).status is TaskStatus.FAILED


async def test_a_clock_that_was_set_back_before_a_start_does_not_make_a_wait_longer_than_a_whole_one(
    world: World,
) -> None:
    task = await world.new_task()
    world.clock.offset_s = -10 * DURATIONS.pending_s
    watched = Watched(world)
    await watched.restore(world.reader)
    await watched.leap(120_960)
    assert (await world.task(task.task_id)).status is TaskStatus.FAILED


async def test_a_sleep_while_a_wait_is_committed_does_not_make_it_longer(world: World) -> None:
    watched = Watched(world)
    task = await world.new_task()
    world.clock.move(DURATIONS.pending_s - 60)
    await watched.sweep()
    await watched.pass_beats(11)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    await watched.pass_beats(2)
    assert (await world.task(task.task_id)).status is TaskStatus.FAILED


async def test_a_clock_that_is_set_back_while_a_wait_is_committed_does_not_make_it_longer(world: World) -> None:
    watched = Watched(world)
    spent = await world.new_task()
    await world.parked(spent.task_id, QUOTA)
    world.clock.offset_s = -86_400
    await watched.sweep()
    await watched.leap(600 / DURATIONS.beat_s)
    assert (await world.task(spent.task_id)).status is TaskStatus.PENDING
