"""What was written may be changed and taken back, until a message carries it."""

from collections.abc import Awaitable, Callable

import pytest

from errand_common.errors import Conflict, Exhausted, NotFound
from errand_common.values import AttemptPhase, FailureReason, InputKind, TaskStatus
from errand_scheduler.lifecycle import input_changes
from errand_scheduler.store import inputs
from errand_scheduler.store.inputs import Input
from errand_scheduler.store.notices import InputsMoved
from errand_scheduler.store.transaction import Tx
from tests.unit.scheduler.world import (
    ALLOWANCE,
    OTHER_USER,
    QUESTION,
    QUOTA,
    RUNNER,
    USER,
    World,
    kinds_told,
    reason_of,
)

Change = Callable[[Tx, str, str], Input]


def edit(tx: Tx, input_id: str, user_id: str) -> Input:
    return input_changes.edit_input(tx, user_id=user_id, input_id=input_id, text="rather this")


def promote(tx: Tx, input_id: str, user_id: str) -> Input:
    return input_changes.promote_input(tx, user_id=user_id, input_id=input_id)


def remove(tx: Tx, input_id: str, user_id: str) -> Input:
    return input_changes.remove_input(tx, user_id=user_id, input_id=input_id)


async def change(world: World, how: Change, input_id: str, user_id: str = USER) -> Input:
    return await world.writer.write(lambda tx: how(tx, input_id, user_id))


async def waiting(world: World, task_id: str) -> list[Input]:
    return await world.reader.all(inputs.untaken(task_id))


async def added(world: World, task_id: str) -> Input:
    await world.input(task_id, "more")
    return next(each for each in await waiting(world, task_id) if each.text == "more")


async def stored(world: World, input_id: str) -> Input:
    item = await world.reader.one(inputs.by_id(input_id))
    assert item is not None
    return item


@pytest.mark.parametrize("how", [edit, promote, remove])
async def test_a_change_is_stored_and_told_once(world: World, how: Change) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    item = await added(world, task.task_id)
    world.notices.clear()
    changed = await change(world, how, item.input_id)
    assert changed == await stored(world, item.input_id) != item
    assert world.notices.count(InputsMoved(runner_id=RUNNER, attempt_id=holder.attempt_id)) == 1
    still = item.input_id in [each.input_id for each in await waiting(world, task.task_id)]
    assert still is (how is not remove)
    assert await change(world, how, item.input_id) == changed
    assert (await kinds_told(world, task.task_id)).count("input_changed") == 1


@pytest.mark.parametrize("how", [edit, promote, remove])
async def test_what_a_message_carries_stays_as_it_is(world: World, how: Change) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    item = await added(world, task.task_id)
    await world.take_up(holder, task.task_id)
    with pytest.raises(Conflict) as refused:
        await change(world, how, item.input_id)
    assert reason_of(refused.value) == "INPUT_TAKEN"


@pytest.mark.parametrize("how", [edit, promote])
async def test_what_was_taken_back_stays_so(world: World, how: Change) -> None:
    task = await world.new_task()
    item = await added(world, task.task_id)
    await change(world, remove, item.input_id)
    with pytest.raises(Conflict) as refused:
        await change(world, how, item.input_id)
    assert reason_of(refused.value) == "INPUT_TAKEN"


async def test_the_prompt_may_be_edited_and_not_taken_back(world: World) -> None:
    task = await world.new_task()
    (prompt,) = await waiting(world, task.task_id)
    await added(world, task.task_id)
    await change(world, edit, prompt.input_id)
    assert (await world.task(task.task_id)).prompt == "rather this"
    with pytest.raises(Conflict, match="stop the task") as refused:
        await change(world, remove, prompt.input_id)
    assert reason_of(refused.value) == "WRONG_STATE"


async def test_an_edit_of_what_followed_leaves_the_prompt(world: World) -> None:
    task = await world.new_task()
    await change(world, edit, (await added(world, task.task_id)).input_id)
    assert (await world.task(task.task_id)).prompt == "do it"


async def test_a_message_takes_what_it_carries_whatever_was_changed_meanwhile(world: World) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    item = await added(world, task.task_id)
    await change(world, remove, item.input_id)
    await world.carried(holder, [item.input_id])
    with pytest.raises(Conflict) as refused:
        await change(world, remove, item.input_id)
    assert reason_of(refused.value) == "INPUT_TAKEN"


async def test_nobody_changes_what_others_wrote(world: World) -> None:
    task = await world.new_task()
    item = await added(world, task.task_id)
    for input_id, user_id in ((item.input_id, OTHER_USER), ("inp_none", USER)):
        for how in (edit, promote, remove):
            with pytest.raises(NotFound):
                await change(world, how, input_id, user_id)


async def test_a_hundred_inputs_wait_and_no_more(world: World) -> None:
    task = await world.new_task()
    one = await added(world, task.task_id)
    for _ in range(98):
        await world.input(task.task_id)
    with pytest.raises(Exhausted) as refused:
        await world.input(task.task_id)
    assert refused.value.retry_after
    await change(world, remove, one.input_id)
    await world.input(task.task_id, "fits", InputKind.STEER)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING


async def test_what_waits_is_no_longer_together_than_one_answer_carries(world: World) -> None:
    task = await world.new_task(prompt="x")
    for _ in range(55):
        await world.input(task.task_id, "x" * 65_536)
    last = await added(world, task.task_id)
    for too_long in (
        world.input(task.task_id, "x" * 65_536),
        world.writer.write(
            lambda tx: input_changes.edit_input(tx, user_id=USER, input_id=last.input_id, text="x" * 65_536)
        ),
    ):
        with pytest.raises(Exhausted, match="3670016 bytes"):
            await too_long
    await world.input(task.task_id, "x" * 60_000)


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


async def test_an_input_leaves_a_task_that_is_tried_again_its_place(world: World) -> None:
    task = await world.new_task()
    await world.finished(await world.accepted(task.task_id), AttemptPhase.FAILED, FailureReason.ENGINE)
    before = await world.task(task.task_id)
    world.clock.move(60.0)
    after = await world.input(task.task_id)
    assert (before.retry_count, after.retry_count) == (1, 0)
    assert after.queue_time == before.queue_time


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
