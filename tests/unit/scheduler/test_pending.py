"""What waits, as memory has it: the same as the rows, in the order in which it goes."""

import asyncio
from dataclasses import replace

import pytest

from errand_common.values import AttemptPhase, FailureReason
from errand_scheduler.access.rights import Answer, Right
from errand_scheduler.lifecycle import turns
from errand_scheduler.placing.outlook import Outlook
from errand_scheduler.placing.pending import PendingTasks
from errand_scheduler.placing.pending_rows import PendingRows
from errand_scheduler.placing.placement import Needs
from errand_scheduler.placing.reasons import NO_RUNNER
from errand_scheduler.placing.seats import Seat
from errand_scheduler.placing.telling import Telling
from errand_scheduler.store.pending import Failure, PendingTask
from tests.unit.scheduler.world import DURATIONS, OTHER_RUNNER, RUNNER, StillClock, World

MODEL_KEY = (("model-key", "yes"),)
START_S = 2 * DURATIONS.lease_s


def row(task_id: str, *, user_id: str = "ann", queue_time: int = 0) -> PendingTask:
    return PendingTask(
        task_id=task_id,
        user_id=user_id,
        project_id="prj_1",
        queue_time=queue_time,
        status_reason="looking for a runner",
        required_labels=(),
        retry_count=0,
        offered=False,
        last_runner_id=None,
        failures=(),
    )


def follow_up(task_id: str) -> PendingTask:
    return replace(row(task_id), last_runner_id="rnr_1")


def retry(task_id: str, count: int) -> PendingTask:
    return replace(follow_up(task_id), retry_count=count, failures=(Failure("rnr_1", "no disk"),))


class Room:
    """Pending tasks some time after the scheduler started."""

    def __init__(self, *, started_s_ago: float = START_S) -> None:
        self.clock = StillClock()
        self.pending = PendingTasks(self.clock, DURATIONS)
        self.clock.move(started_s_ago)

    def lines(self) -> list[tuple[str, Needs, list[str]]]:
        self.pending.ripen()
        groups = self.pending.groups()
        return [(user, line.needs, [task.task_id for task in line.tasks]) for user, _, line in groups]

    def ahead(self, task_id: str) -> int:
        entry = self.pending.entry(task_id)
        assert entry is not None
        return self.pending.ahead(entry)

    def needs(self, task_id: str) -> Needs | None:
        self.pending.ripen()
        entry = self.pending.entry(task_id)
        assert entry is not None
        return entry.needs


def test_each_users_tasks_stand_in_the_order_of_their_age() -> None:
    room = Room()
    for each in (row("b", queue_time=2), row("c", queue_time=1), row("a", queue_time=2), row("z", user_id="bob")):
        room.pending.put(each)
    assert room.lines() == [("ann", Needs(MODEL_KEY), ["c", "a", "b"]), ("bob", Needs(MODEL_KEY), ["z"])]
    assert [room.ahead(task_id) for task_id in ("c", "a", "b", "z")] == [0, 1, 2, 0]


def test_every_task_asks_for_a_model_key_beside_its_own_labels() -> None:
    room = Room()
    room.pending.put(replace(row("a"), required_labels=(("zone", "b"), ("gpu", "yes"))))
    assert room.needs("a") == Needs((("gpu", "yes"), *MODEL_KEY, ("zone", "b")))


def test_tasks_that_ask_for_other_labels_stand_in_another_line() -> None:
    room = Room()
    room.pending.put(row("a", queue_time=1))
    room.pending.put(replace(row("b", queue_time=2), required_labels=(("gpu", "yes"),)))
    assert [tasks for _, _, tasks in room.lines()] == [["a"], ["b"]]
    assert room.ahead("b") == 1


def test_a_follow_up_waits_six_beats_for_its_runner() -> None:
    room = Room()
    room.pending.put(follow_up("a"))
    assert room.needs("a") == Needs(MODEL_KEY, only="rnr_1")
    assert room.pending.next_s == room.clock.boot_s() + DURATIONS.affinity_s
    room.clock.move(DURATIONS.affinity_s - 1)
    assert room.needs("a") == Needs(MODEL_KEY, only="rnr_1")
    room.clock.move(1)
    assert room.needs("a") == Needs(MODEL_KEY)
    assert room.pending.next_s is None


def test_after_a_start_it_waits_until_runners_had_two_leases_to_come_back() -> None:
    room = Room(started_s_ago=0)
    room.pending.put(follow_up("a"))
    room.clock.move(START_S - 1)
    assert room.needs("a") == Needs(MODEL_KEY, only="rnr_1")
    room.clock.move(1)
    assert room.needs("a") == Needs(MODEL_KEY)


def test_a_retry_rests_twice_as_long_each_time_then_goes_anywhere() -> None:
    for count, beats in ((1, 2), (2, 4), (3, 8)):
        room = Room()
        room.pending.put(retry("a", count))
        room.clock.move(beats * DURATIONS.beat_s - 1)
        assert room.lines() == []
        room.clock.move(1)
        assert room.needs("a") == Needs(MODEL_KEY)


def test_an_offered_task_waits_for_nobody_else_until_the_offer_is_gone() -> None:
    room = Room()
    task = follow_up("a")
    room.pending.put(task)
    room.clock.move(DURATIONS.affinity_s - 1)
    room.pending.offered("a")
    assert room.lines() == []
    room.pending.put(task)
    assert room.needs("a") == Needs(MODEL_KEY, only="rnr_1")
    room.clock.move(1)
    assert room.needs("a") == Needs(MODEL_KEY)


def test_a_task_that_was_queued_anew_waits_anew() -> None:
    room = Room()
    room.pending.put(follow_up("a"))
    room.clock.move(DURATIONS.affinity_s)
    room.pending.put(replace(follow_up("a"), queue_time=1))
    assert room.needs("a") == Needs(MODEL_KEY, only="rnr_1")


def test_a_task_is_sketched_without_being_taken_up() -> None:
    room = Room()
    room.pending.put(row("a", queue_time=1))
    sketch = room.pending.sketch(replace(follow_up("b"), queue_time=2))
    assert sketch.needs == Needs(MODEL_KEY, only="rnr_1")
    assert room.pending.ahead(sketch) == 1
    assert len(room.pending) == 1
    assert room.pending.next_s is None


def test_nothing_is_kept_of_what_waits_no_more() -> None:
    room = Room()
    room.pending.put(row("a"))
    room.pending.put(retry("b", 1))
    for task_id in ("a", "b", "never"):
        room.pending.drop(task_id)
    room.clock.move(1000)
    assert room.lines() == []
    assert len(room.pending) == 0
    assert room.pending.next_s is None


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
