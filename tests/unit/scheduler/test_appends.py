"""Facts of the scheduler's own, written at the end of their transaction: numbered, told, and found as if at once."""

import asyncio

from errand_common.errors import Conflict
from errand_common.values import AttemptPhase
from errand_scheduler import facts
from errand_scheduler.lifecycle import moves, records
from errand_scheduler.lifecycle.effects import PhaseReported
from errand_scheduler.store import events
from errand_scheduler.store.events import Event
from errand_scheduler.store.notices import EventsStored
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Write
from tests.unit.scheduler.world import DURATIONS, USER, World, event


def told(world: World) -> list[Event]:
    return [each for notice in world.notices if isinstance(notice, EventsStored) for each in notice.events]


async def stored(world: World) -> list[Event]:
    return await world.reader.all(events.of_user(USER, after=0, limit=100))


async def test_what_a_group_tells_is_stored_under_the_numbers_that_are_told(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)

    def own(tx: Tx) -> None:
        moves.tell(tx, task, facts.task_retried())

    def runners(tx: Tx) -> None:
        records.store_events(tx, holder, [event(1, PhaseReported(AttemptPhase.STARTING))], DURATIONS)

    await world.writer.write_each([Write(own), Write(own), Write(runners), Write(own)])
    assert told(world) == await stored(world)
    assert [each.attempt_id for each in await stored(world)][-4:] == [None, None, holder.attempt_id, None]


async def test_an_operation_that_fails_takes_no_number(world: World) -> None:
    task = await world.new_task()

    def fail(tx: Tx) -> None:
        moves.tell(tx, task, facts.task_retried())
        raise Conflict("no")

    _, failed, created = await asyncio.gather(
        world.new_task(), world.writer.write(fail), world.new_task(), return_exceptions=True
    )
    assert isinstance(failed, Conflict)
    assert not isinstance(created, BaseException)
    assert told(world) == await stored(world)
    assert [each.event_id for each in await stored(world)] == [1, 2, 3]


async def test_what_is_told_once_is_told_once_in_a_group_too(world: World) -> None:
    task = await world.new_task()
    attempt = await world.attempt((await world.accepted(task.task_id)).attempt_id)

    def limited(tx: Tx) -> None:
        records.note_push_limits(tx, attempt, summary="no workflows")

    before = len(await stored(world))
    await world.writer.write_each([Write(limited), Write(limited)])
    assert len(await stored(world)) == before + 1
