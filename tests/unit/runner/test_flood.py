"""Each look at the disk does one thing at most, and whoever stands still for it learns why and when it is over."""

import asyncio
from contextlib import ExitStack
from dataclasses import replace

import pytest

from errand_common.clock import Clock
from errand_common.disk import Room
from errand_common.ids import Ids
from errand_runner.book import Book
from errand_runner.brake import Brake, GivenUp
from errand_runner.flood import Flood
from errand_runner.lease import Leases
from errand_runner.retention import KeptFor, Retention
from errand_runner.sandbox.docker import EngineUnavailable
from errand_runner.watermark import marks_of

IDS = Ids(Clock())
MIB = 1 << 20
FULL, SOME, PLENTY = 100 * MIB, 900 * MIB, 2000 * MIB


class Volumes:
    """An engine with volumes and their sizes."""

    def __init__(self):
        self.sizes, self.used, self.away, self.measured = {}, set(), False, 0

    async def idle_workspaces(self):
        if self.away:
            raise EngineUnavailable("away")
        return [name for name in self.sizes if name not in self.used]

    async def remove_workspace(self, name):
        del self.sizes[name]

    async def workspace_sizes(self):
        self.measured += 1
        if self.away:
            raise EngineUnavailable("away")
        return dict(self.sizes)


class World:
    """A runner with attempts and workspaces, and a disk as free as `free`."""

    def __init__(self, folder, engine):
        self.free = self.free_elsewhere = PLENTY
        self.engine, self.book = engine, Book(folder, Clock())
        self.brake = Brake(Leases(Clock()))
        elsewhere = folder / "elsewhere"
        room = Room((folder, elsewhere), 1 << 30, lambda path: self.free_elsewhere if path == elsewhere else self.free)
        self.retention = Retention(self.engine, self.book, clock=Clock(), limits=KeptFor(0, 0), is_short=lambda: False)
        marks = marks_of(1 << 30)
        self.flood = Flood(
            self.engine,
            self.book,
            self.retention,
            self.brake,
            room=room,
            workspace_room=replace(room, paths=(folder,)),
            marks=marks,
        )
        self.works: dict[str, ExitStack] = {}

    def works_on(self, size=0):
        attempt_id, task_id = IDS.new("att"), IDS.new("tsk")
        workspace_id = self.keeps(size, task_id)
        self.engine.used.add(workspace_id)
        stack = self.works[attempt_id] = ExitStack()
        stack.enter_context(self.book.in_use(task_id))
        stack.enter_context(self.brake.carrying(attempt_id, task_id))
        stack.callback(self.engine.used.discard, workspace_id)
        return attempt_id, workspace_id

    def keeps(self, size=0, task_id=None):
        workspace_id = IDS.new("wsp")
        self.book.give(task_id or IDS.new("tsk"), workspace_id)
        self.engine.sizes[workspace_id] = size
        return workspace_id

    def given_up(self):
        found = []
        for attempt_id in self.works:
            try:
                self.brake.check(attempt_id)
            except GivenUp:
                found.append(attempt_id)
        return found

    async def look(self, free=None):
        self.free = self.free if free is None else free
        await self.flood.look()


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, Volumes())


async def test_with_room_nothing_is_done_and_nothing_measured(world):
    world.keeps()
    await world.look()

    assert (world.brake.reason, len(world.engine.sizes), world.engine.measured) == ("", 1, 0)


async def test_first_all_stand_still_then_room_is_made_of_what_nobody_uses_and_then_it_goes_on(world):
    attempt_id, at_work = world.works_on(500)
    world.keeps()
    await world.look(FULL)
    assert "nearly full (100.0 MiB are free)" in world.brake.reason
    assert len(world.engine.sizes) == 2

    await world.look()
    assert set(world.engine.sizes) == {at_work}
    await world.look(PLENTY)

    assert (world.brake.reason, world.given_up()) == ("", [])
    assert attempt_id in world.brake.carried


async def test_who_grew_most_since_room_got_short_is_ended_and_not_who_is_largest(world):
    large, _ = world.works_on(5000)
    quick, grown = world.works_on(10)
    await world.look(SOME)
    world.engine.sizes[grown] += 800
    await world.look(FULL)
    await world.look()

    assert world.given_up() == [quick]
    assert large in world.brake.carried


async def test_while_one_that_was_ended_makes_room_no_other_is(world):
    world.works_on(10)
    quick, grown = world.works_on(900)
    for _ in range(4):
        await world.look(FULL)
    assert world.given_up() == [quick]

    world.works.pop(quick).close()
    await world.look()
    assert grown not in world.engine.sizes, "its workspace is one that nobody uses now"
    assert world.given_up() == []
    await world.look()
    assert len(world.given_up()) == 1


async def test_who_does_not_end_in_time_is_not_waited_for(world):
    world.works_on(10)
    world.works_on(900)
    for _ in range(30):
        await world.look(FULL)

    assert len(world.given_up()) == 2


async def test_room_that_gets_short_is_measured_once_until_there_is_plenty_again(world):
    for free in (SOME, SOME, PLENTY, SOME):
        await world.look(free)

    assert world.engine.measured == 2


async def test_an_engine_that_is_away_stops_nobody_from_standing_still_and_ends_nobody(world):
    world.works_on(900)
    world.engine.away = True
    await world.look(FULL)
    assert world.brake.reason
    with pytest.raises(EngineUnavailable):
        await world.look()

    assert world.given_up() == []
    await world.look(PLENTY)
    assert not world.brake.reason


async def test_where_another_disk_is_full_all_stand_still_and_nothing_is_thrown_away(world):
    world.works_on(500)
    world.keeps()
    world.free_elsewhere = FULL
    for _ in range(3):
        await world.look()
    assert "nearly full" in world.brake.reason
    assert (len(world.engine.sizes), world.given_up()) == (2, [])

    world.free_elsewhere = PLENTY
    await world.look()
    assert not world.brake.reason


async def test_disks_that_are_not_seen_are_let_be(world, tmp_path):
    def unseen(_):
        raise OSError

    room = Room((tmp_path,), 1 << 30, unseen)
    flood = Flood(
        world.engine, world.book, world.retention, world.brake, room=room, workspace_room=room, marks=marks_of(1 << 30)
    )
    await flood.look()

    assert not world.brake.reason


async def test_with_marks_at_0_it_looks_at_nothing_and_ends_nothing(world):
    flood = Flood(
        *(world.engine, world.book, world.retention, world.brake),
        room=Room((), 0),
        workspace_room=Room((), 0),
        marks=marks_of(0),
    )
    watching = asyncio.ensure_future(flood.watch())
    await asyncio.wait([watching], timeout=0.05)
    assert not watching.done()
    watching.cancel()
