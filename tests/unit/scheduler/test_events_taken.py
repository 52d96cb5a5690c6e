"""A runner's events: taken once, in order, all of a batch or nothing of it."""

import pytest

from errand_common.errors import Conflict, Invalid
from errand_common.values import Role
from errand_scheduler.lifecycle.effects import MessageAdded
from errand_scheduler.store import events
from errand_scheduler.store.messages import Message
from errand_scheduler.store.notices import InputsMoved
from tests.unit.scheduler.world import (
    RUNNER,
    World,
    event,
    reason_of,
)


async def test_events_are_stored_once_and_in_order(world: World) -> None:
    holder = await world.accepted((await world.new_task()).task_id)

    async def send(*sequences: int) -> int:
        return await world.told(holder, *(event(sequence) for sequence in sequences))

    assert await send(1, 2) == 2
    assert await send(1, 2, 3) == 3
    assert await send(2) == 3
    for hole in ((5,), (4, 6), (4, 4)):
        with pytest.raises(Conflict) as refused:
            await send(*hole)
        assert reason_of(refused.value) == "EVENT_GAP"
    assert (await world.attempt(holder.attempt_id)).acked_sequence == 3
    await world.finished(holder)
    assert await send(3) == 3
    with pytest.raises(Conflict) as late:
        await send(4)
    assert reason_of(late.value) == "LEASE_SUPERSEDED"


async def test_an_event_that_is_refused_leaves_nothing_of_its_batch(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    message = Message(message_id="msg_1", role=Role.USER, content=b"[]")
    batch = [event(1, MessageAdded(message)), event(2, MessageAdded(message))]
    with pytest.raises(Invalid, match="msg_1"):
        await world.told(holder, *batch)
    assert (await world.attempt(holder.attempt_id)).acked_sequence == 0
    assert len(await world.reader.all(events.of_task(task.task_id, after=0, limit=99))) == 4


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
