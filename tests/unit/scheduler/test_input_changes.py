"""What was written may be changed and taken back, until a message carries it."""

import pytest

from errand_common.errors import Conflict, Exhausted, NotFound
from errand_common.values import AttemptPhase, FailureReason, InputKind, TaskStatus
from errand_scheduler.lifecycle import input_changes
from errand_scheduler.store import inputs
from errand_scheduler.store.inputs import Input
from errand_scheduler.store.notices import InputsMoved
from tests.unit.scheduler.changing import Change, added, change, edit, promote, remove, waiting
from tests.unit.scheduler.world import OTHER_USER, RUNNER, USER, World, kinds_told, reason_of


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


async def test_an_input_leaves_a_task_that_is_tried_again_its_place(world: World) -> None:
    task = await world.new_task()
    await world.finished(await world.accepted(task.task_id), AttemptPhase.FAILED, FailureReason.ENGINE)
    before = await world.task(task.task_id)
    world.clock.move(60.0)
    after = await world.input(task.task_id)
    assert (before.retry_count, after.retry_count) == (1, 0)
    assert after.queue_time == before.queue_time


async def test_who_watches_a_runner_is_told_when_its_attempts_inputs_move(world: World) -> None:
    idle, task = await world.new_task(), await world.new_task()
    holder = await world.accepted(task.task_id)
    told = InputsMoved(runner_id=RUNNER, attempt_id=holder.attempt_id)
    world.notices.clear()
    await world.input(idle.task_id)
    assert not [notice for notice in world.notices if isinstance(notice, InputsMoved)]
    await world.input(task.task_id)
    assert world.notices.count(told) == 1
    await world.take_up(holder, task.task_id)
    assert world.notices.count(told) == 2
