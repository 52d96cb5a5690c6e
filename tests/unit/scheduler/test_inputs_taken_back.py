"""Where a task stands once what had sent it on is taken back."""

from collections.abc import Awaitable, Callable

import pytest

from errand_common.values import AttemptPhase, FailureReason, InputKind, TaskStatus
from tests.unit.scheduler.changing import added, change, remove, waiting
from tests.unit.scheduler.world import ALLOWANCE, QUESTION, QUOTA, World


async def stopped_before_it_was_read(world: World, task_id: str) -> None:
    await world.stopped(task_id)


async def completed(world: World, task_id: str) -> None:
    holder = await world.running(task_id)
    await world.take_up(holder, task_id)
    await world.finished(holder)


async def failed(world: World, task_id: str) -> None:
    await world.finished(await world.running(task_id), AttemptPhase.FAILED, FailureReason.PUSH, "it did not go")


async def asking(world: World, task_id: str) -> None:
    await world.parked(task_id, QUESTION)


async def out_of_quota(world: World, task_id: str) -> None:
    await world.parked(task_id, QUOTA)


@pytest.mark.parametrize("offered", [False, True])
@pytest.mark.parametrize("reach", [stopped_before_it_was_read, completed, failed, asking, out_of_quota])
async def test_a_task_that_an_input_alone_sent_on_stands_again_where_it_stood(
    world: World, reach: Callable[[World, str], Awaitable[None]], *, offered: bool
) -> None:
    task_id = (await world.new_task()).task_id
    await reach(world, task_id)
    stood = await world.task(task_id)
    world.clock.move(60.0)
    first = await added(world, task_id)
    world.clock.move(1.0)
    await world.input(task_id, "and this")
    second = (await waiting(world, task_id))[-1]
    assert (await world.task(task_id)).status is TaskStatus.PENDING
    holder = await world.offered(task_id) if offered else None
    await change(world, remove, first.input_id)
    assert (await world.task(task_id)).status is TaskStatus.PENDING
    await change(world, remove, second.input_id)
    again = await world.task(task_id)
    assert again._replace(queue_time=stood.queue_time) == stood
    assert holder is None or (await world.attempt(holder.attempt_id)).phase is AttemptPhase.WITHDRAWN
    await world.input(task_id)
    assert (await world.task(task_id)).status is TaskStatus.PENDING


@pytest.mark.parametrize("over", [False, True])
async def test_a_stop_stands_when_what_was_written_after_it_is_taken_back(world: World, *, over: bool) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await world.stopped(task.task_id)
    item = await added(world, task.task_id)
    if over:
        await world.finished(holder, AttemptPhase.CANCELLED, reason="stopped")
        assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    await change(world, remove, item.input_id)
    if not over:
        await world.finished(holder, AttemptPhase.CANCELLED, reason="stopped")
    cancelled = await world.task(task.task_id)
    assert (cancelled.status, cancelled.status_reason) == (TaskStatus.CANCELLED, "stopped")
    assert cancelled.completed_time


async def test_what_a_finished_attempt_left_and_is_taken_back_leaves_the_task_completed(world: World) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await world.take_up(holder, task.task_id)
    item = await added(world, task.task_id)
    await world.finished(holder)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    await change(world, remove, item.input_id)
    assert (await world.task(task.task_id)).status is TaskStatus.COMPLETED


async def test_an_answer_that_is_taken_back_before_it_was_read_leaves_the_question(world: World) -> None:
    task = await world.new_task()
    holder = await world.hot_and_read(task.task_id)
    await world.input(task.task_id, "left", InputKind.ANSWER)
    (answer,) = await waiting(world, task.task_id)
    await world.finished(holder, AttemptPhase.PARKED)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    await change(world, remove, answer.input_id)
    asks = await world.task(task.task_id)
    assert (asks.status, asks.status_reason) == (TaskStatus.WAITING, "which one?")


async def test_a_task_that_a_person_sent_on_goes_on_whatever_is_taken_back(world: World) -> None:
    for asked_before in (False, True):
        task = await world.new_task()
        await world.parked(task.task_id, ALLOWANCE)
        if asked_before:
            await world.retried(task.task_id)
        item = await added(world, task.task_id)
        await world.retried(task.task_id)
        await change(world, remove, item.input_id)
        assert (await world.task(task.task_id)).status is TaskStatus.PENDING


async def test_an_attempt_that_has_begun_is_not_undone(world: World) -> None:
    task = await world.new_task()
    await completed(world, task.task_id)
    item = await added(world, task.task_id)
    await world.accepted(task.task_id)
    await change(world, remove, item.input_id)
    assert (await world.task(task.task_id)).status is TaskStatus.RUNNING


@pytest.mark.parametrize("before_it_failed", [True, False])
async def test_what_is_tried_again_for_nothing_that_still_waits_stands_again_where_it_stood(
    world: World, *, before_it_failed: bool
) -> None:
    task = await world.new_task()
    await world.stopped(task.task_id)
    item = await added(world, task.task_id)
    holder = await world.accepted(task.task_id)
    if before_it_failed:
        await change(world, remove, item.input_id)
    await world.finished(holder, AttemptPhase.FAILED, FailureReason.ENGINE)
    if not before_it_failed:
        assert (await world.task(task.task_id)).status is TaskStatus.PENDING
        await change(world, remove, item.input_id)
    assert (await world.task(task.task_id)).status is TaskStatus.CANCELLED


async def test_a_stop_of_what_an_input_had_sent_on_stands_when_a_later_one_is_taken_back(world: World) -> None:
    task = await world.new_task()
    await completed(world, task.task_id)
    await added(world, task.task_id)
    holder = await world.running(task.task_id)
    await world.take_up(holder, task.task_id)
    await world.stopped(task.task_id)
    item = await added(world, task.task_id)
    await change(world, remove, item.input_id)
    await world.finished(holder, AttemptPhase.CANCELLED, reason="stopped")
    assert (await world.task(task.task_id)).status is TaskStatus.CANCELLED
