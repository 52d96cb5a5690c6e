"""The rows of what waits: read as they change, a part at a time, and told why they wait."""

import asyncio

import pytest

from errand_common.values import AttemptPhase, FailureReason
from errand_scheduler.access.rights import Answer, Right
from errand_scheduler.lifecycle import turns
from errand_scheduler.placing.outlook import Outlook
from errand_scheduler.placing.pending import PendingTasks
from errand_scheduler.placing.pending_rows import PendingRows
from errand_scheduler.placing.reasons import NO_RUNNER
from errand_scheduler.placing.seats import Seat
from errand_scheduler.placing.telling import Telling
from errand_scheduler.store.pending import Failure
from tests.unit.scheduler.world import DURATIONS, OTHER_RUNNER, RUNNER, World


async def held(world: World) -> tuple[PendingRows, PendingTasks]:
    pending = PendingTasks(world.clock, DURATIONS)
    rows = PendingRows(world.reader, pending, page=3)
    await rows.load()
    return rows, pending


async def test_what_was_noted_is_read_again_whatever_became_of_it(world: World) -> None:
    rows, pending = await held(world)
    task_id = (await world.new_task()).task_id
    assert pending.entry(task_id) is None
    rows.note(task_id)
    (entry,) = await rows.catch_up()
    assert (entry.row.task_id, entry.row.offered, entry.row.last_runner_id) == (task_id, False, None)

    holder = await world.offered(task_id)
    rows.note(task_id)
    (entry,) = await rows.catch_up()
    assert entry.row.offered
    assert pending.groups() == []

    await world.writer.write(lambda tx: turns.accept(tx, holder, DURATIONS))
    rows.note(task_id)
    assert await rows.catch_up() == []
    assert pending.entry(task_id) is None

    await world.finished(holder)
    await world.input(task_id)
    rows.note(task_id)
    (entry,) = await rows.catch_up()
    assert (entry.row.offered, entry.row.last_runner_id) == (False, RUNNER)


async def test_an_offer_that_came_to_nothing_leaves_the_task_as_it_was(world: World) -> None:
    task_id = (await world.new_task()).task_id
    rows, pending = await held(world)
    pending.offered(task_id)
    assert pending.groups() == []
    rows.note(task_id)
    await rows.catch_up()
    assert [line.tasks[0].task_id for _, _, line in pending.groups()] == [task_id]


async def test_a_start_finds_all_that_waits_however_much(world: World) -> None:
    tasks = [(await world.new_task()).task_id for _ in range(7)]
    await world.accepted(tasks[0])
    _, pending = await held(world)
    assert sorted(entry.row.task_id for entry in pending.entries()) == sorted(tasks[1:])


async def test_what_nobody_noted_is_found_by_and_by(world: World) -> None:
    gone, stays, *more = [(await world.new_task()).task_id for _ in range(6)]
    rows, pending = await held(world)
    await world.accepted(gone)
    new = (await world.new_task()).task_id
    while await rows.look_again():
        continue
    await rows.catch_up()
    assert sorted(entry.row.task_id for entry in pending.entries()) == sorted([stays, *more, new])


async def test_a_task_that_failed_before_it_began_says_where_and_why(world: World) -> None:
    task_id = (await world.new_task()).task_id
    for runner_id in (RUNNER, OTHER_RUNNER):
        holder = await world.accepted(task_id, runner_id=runner_id)
        await world.finished(holder, AttemptPhase.FAILED, FailureReason.DISK, f"no disk on {runner_id}")
    _, pending = await held(world)
    entry = pending.entry(task_id)
    assert entry is not None
    assert entry.row.retry_count == 2
    assert entry.row.failures == (
        Failure(OTHER_RUNNER, f"no disk on {OTHER_RUNNER}"),
        Failure(RUNNER, f"no disk on {RUNNER}"),
    )
    assert entry.needs is None


async def test_what_could_not_be_read_is_read_the_next_time(world: World) -> None:
    rows, pending = await held(world)
    task_ids = [(await world.new_task()).task_id for _ in range(5)]
    for task_id in task_ids:
        rows.note(task_id)
    reading = asyncio.create_task(rows.catch_up())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await rows.catch_up()
    assert sorted(entry.row.task_id for entry in pending.entries()) == sorted(task_ids)


def outlook(pending: PendingTasks, *seats: Seat) -> Outlook:
    return Outlook(pending, seats=seats, live={}, most_live=1, known=lambda *_: Answer(Right.PUSH))


async def test_all_are_told_when_things_change_a_part_at_a_time(world: World) -> None:
    tasks = [(await world.new_task()).task_id for _ in range(5)]
    _, pending = await held(world)
    telling = Telling(world.writer, pending, window=2)
    told: list[int] = []
    for _ in range(3):
        await telling.look_around(outlook(pending))
        assert telling.more
        await telling.tell_some(outlook(pending))
        assert not telling.more
        told.append([(await world.task(task_id)).status_reason == NO_RUNNER for task_id in tasks].count(True))
    assert told == [2, 4, 5]


async def test_what_has_not_changed_is_not_written_again(world: World) -> None:
    task_id = (await world.new_task()).task_id
    _, pending = await held(world)
    telling = Telling(world.writer, pending)
    telling.look_at(pending.entries())
    await telling.tell_some(outlook(pending))
    world.notices.clear()
    await telling.look_around(outlook(pending))
    assert not telling.more
    telling.look_at(pending.entries())
    await telling.tell_some(outlook(pending))
    assert world.notices == []
    assert (await world.task(task_id)).status_reason == NO_RUNNER
