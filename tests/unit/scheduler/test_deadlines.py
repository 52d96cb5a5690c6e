"""Nothing stands still for ever: what happens when nobody does anything."""

import pytest

from errand_common.values import AttemptPhase, FailureReason, TaskStatus
from errand_scheduler.lifecycle import deadlines
from errand_scheduler.lifecycle.effects import PhaseReported
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.store.attempts import StopCause
from tests.unit.scheduler.world import DURATIONS, World, event


async def end_phase(world: World, holder: Holder, phase: AttemptPhase) -> None:
    await world.writer.write(lambda tx: deadlines.end_phase(tx, holder.attempt_id, phase, DURATIONS))


async def test_every_phase_has_its_time(world: World) -> None:
    holder = await world.offered((await world.new_task()).task_id)
    accepted = await world.accepted((await world.new_task()).task_id)
    starting = await world.accepted((await world.new_task()).task_id)
    await world.told(starting, event(1, PhaseReported(AttemptPhase.STARTING)))
    running = await world.running((await world.new_task()).task_id)
    stopping = await world.running((await world.new_task()).task_id)
    await world.stopped((await world.attempt(stopping.attempt_id)).task_id)
    beats = {holder: 3, accepted: 12, starting: 720, running: 17_280, stopping: 24}
    for each, count in beats.items():
        left_us = ((await world.attempt(each.attempt_id)).deadline_time or 0) - world.clock.now_us()
        assert left_us == count * DURATIONS.beat_s * 1e6


@pytest.mark.parametrize("reported", [AttemptPhase.CANCELLED, AttemptPhase.TIMED_OUT, AttemptPhase.FAILED])
async def test_an_attempt_that_works_for_too_long_is_stopped_and_fails(world: World, reported: AttemptPhase) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await end_phase(world, holder, AttemptPhase.RUNNING)
    attempt = await world.attempt(holder.attempt_id)
    assert (attempt.phase, attempt.stop_cause) == (AttemptPhase.STOPPING, StopCause.DEADLINE)
    for _ in range(2):
        await world.finished(holder, reported, FailureReason.INTERNAL, "cut short")
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.TIMED_OUT
    over = await world.task(task.task_id)
    assert (over.status, over.failure_reason) == (TaskStatus.FAILED, FailureReason.ALLOWANCE)
    assert "too long" in over.status_reason


async def test_one_that_succeeds_at_the_last_moment_has_succeeded(world: World) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await end_phase(world, holder, AttemptPhase.RUNNING)
    await world.finished(holder)
    assert (await world.task(task.task_id)).status is TaskStatus.COMPLETED


@pytest.mark.parametrize("phase", [AttemptPhase.ACCEPTED, AttemptPhase.STARTING])
async def test_an_attempt_that_does_not_begin_is_stopped_and_tried_again(world: World, phase: AttemptPhase) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    await world.told(holder, event(1, PhaseReported(phase)))
    await end_phase(world, holder, phase)
    await world.writer.write(lambda tx: deadlines.finish_stop(tx, holder.attempt_id, DURATIONS))
    ended = await world.attempt(holder.attempt_id)
    assert (ended.phase, ended.failure_reason) == (AttemptPhase.TIMED_OUT, FailureReason.START)
    again = await world.task(task.task_id)
    assert (again.status, again.retry_count) == (TaskStatus.PENDING, 1)


async def test_what_is_asked_while_a_deadline_ends_the_attempt_goes_on_after_it(world: World) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await end_phase(world, holder, AttemptPhase.RUNNING)
    await world.input(task.task_id)
    await world.finished(holder, AttemptPhase.CANCELLED)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING


async def test_a_phase_that_is_over_or_a_runner_that_is_away_is_not_stopped_for_it(world: World) -> None:
    holder = await world.running((await world.new_task()).task_id)
    await end_phase(world, holder, AttemptPhase.STARTING)
    await world.writer.write(lambda tx: deadlines.mark_away(tx, holder.attempt_id))
    await end_phase(world, holder, AttemptPhase.RUNNING)
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.RUNNING


async def end_pending(world: World, task_id: str, deadline_time: int | None) -> None:
    await world.writer.write(lambda tx: deadlines.end_pending(tx, task_id, deadline_time=deadline_time))


@pytest.mark.parametrize("offered", [True, False])
async def test_a_task_that_no_runner_takes_fails_in_the_end(world: World, *, offered: bool) -> None:
    task = await world.new_task()
    assert task.deadline_time == world.clock.now_us() + int(120_960 * DURATIONS.beat_s * 1e6)
    holder = await world.offered(task.task_id) if offered else None
    await end_pending(world, task.task_id, task.deadline_time)
    over = await world.task(task.task_id)
    assert (over.status, over.failure_reason, over.deadline_time) == (TaskStatus.FAILED, FailureReason.START, None)
    if holder is not None:
        assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.WITHDRAWN


async def test_a_deadline_that_was_moved_ends_nothing(world: World) -> None:
    task = await world.new_task()
    await end_pending(world, task.task_id, 1)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    await world.accepted(task.task_id)
    await end_pending(world, task.task_id, task.deadline_time)
    assert (await world.task(task.task_id)).status is TaskStatus.RUNNING
