"""A watch is one list without a gap: from the database, from memory, and across the seam between them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from errand.v1 import event_pb2, task_service_pb2
from errand_common.errors import Invalid
from errand_scheduler.edges.watch import watch
from errand_scheduler.store import events
from errand_scheduler.store.database import prepare
from errand_scheduler.store.events import NewEvent
from errand_scheduler.store.notices import EventsStored, Notice
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.reader_pool import open_reader
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer
from errand_scheduler.store.writer_thread import open_writer
from errand_scheduler.watching.cursors import Cursors
from errand_scheduler.watching.feed import ALL_BYTES, MESSAGE_BYTES
from errand_scheduler.watching.hub import Hub
from tests.unit.scheduler.watched import piece, said, step
from tests.unit.scheduler.world import StillClock

ANN, EPOCH = "usr_ann", "e7"
TASKS = ("tsk_1", "tsk_2")
Watching = AsyncGenerator[task_service_pb2.WatchEventsResponse, None]


@dataclass(frozen=True)
class Scene:
    """A store with a user and two tasks, and the hub that hears of what is committed."""

    writer: Writer
    reader: Reader
    hub: Hub
    told: asyncio.Event
    """Clear it, and what is committed is told when it is set again."""

    async def store(self, *bodies: event_pb2.EventBody, task_id: str = TASKS[0]) -> None:
        def append(tx: Tx) -> None:
            for body in bodies:
                new = NewEvent(task_id=task_id, user_id=ANN, kind="any", body=body.SerializeToString())
                events.append(tx, new)

        await self.writer.write(append)

    async def watch(
        self, task_id: str = "", after_cursor: str = ""
    ) -> AsyncGenerator[task_service_pb2.WatchEventsResponse, None]:
        with self.hub.subscribe(user_id=ANN, task_id=task_id) as subscription:
            responses = watch(self.reader, Cursors(EPOCH), subscription, after_cursor=after_cursor)
            async for response in responses:
                yield response


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    path = folder / "errand.db"
    prepare(path)
    hub = Hub(Cursors(EPOCH))

    told = asyncio.Event()
    told.set()
    untold: list[Notice] = []

    def on_commit(notices: Sequence[Notice]) -> None:
        untold.extend(notices)
        while told.is_set() and untold:
            notice = untold.pop(0)
            assert isinstance(notice, EventsStored)
            hub.stored(notice.user_id, notice.task_id, notice.events)

    async with open_writer(path, StillClock(), on_commit) as writer, open_reader(path) as reader:
        await writer.write(_seed)
        hub.begin(await reader.one(events.head()) or 0)
        yield Scene(writer, reader, hub, told)


def _seed(tx: Tx) -> None:
    users = "INSERT INTO users (user_id, github_id, github_username, sealed_github_token, created_time)"
    tx.run(f"{users} VALUES (:user_id, 1, 'ann', 'sealed', 0)", {"user_id": ANN})
    projects = "INSERT INTO projects (project_id, user_id, repo_url, repository, default_branch, created_time)"
    tx.run(f"{projects} VALUES ('prj_1', :user_id, 'https://github.test/o/r.git', 'o/r', 'main', 0)", {"user_id": ANN})
    for task_id in TASKS:
        tx.run(
            """
            INSERT INTO tasks (
                task_id, user_id, project_id, status, status_reason, branch, queue_time, created_time, prompt
            ) VALUES (:task_id, :user_id, 'prj_1', 'running', '', 'b', 0, 0, 'do it')
            """,
            {"task_id": task_id, "user_id": ANN},
        )


async def heard_until(watching: Watching, count: int) -> list[int]:
    """The numbers of the next so many events."""
    numbers: list[int] = []
    async with asyncio.timeout(20):
        while len(numbers) < count:
            response = await anext(watching)
            assert sum(event.ByteSize() for event in response.events) <= MESSAGE_BYTES
            numbers += [int(event.cursor.rpartition(".")[2]) for event in response.events]
    return numbers


async def test_watchers_that_come_while_much_is_committed_see_all_of_it_once_and_in_order(tmp_path: Path) -> None:
    async with scene(tmp_path) as here, asyncio.TaskGroup() as group:
        total = 1200
        started = asyncio.Semaphore(0)

        async def commit() -> None:
            for _ in range(total // 20):
                started.release()
                await asyncio.gather(*(here.store(step(), step(), task_id=TASKS[each % 2]) for each in range(10)))

        async def look(task_id: str) -> list[int]:
            async with aclosing(here.watch(task_id)) as watching:
                return await heard_until(watching, total if not task_id else total // 2)

        group.create_task(commit())
        watchers = []
        for number in range(total // 20):
            await started.acquire()
            if number % 10 == 5:
                watchers += [group.create_task(look(task_id)) for task_id in ("", TASKS[0])]
        assert len(watchers) == 12
        everything = await look("")
        assert everything == sorted(set(everything))
        assert len(everything) == total
        for each in watchers[::2]:
            assert await each == everything
        of_one = await look(TASKS[0])
        for each in watchers[1::2]:
            assert await each == of_one


async def test_a_watcher_that_was_away_for_long_goes_on_where_it_was(tmp_path: Path) -> None:
    async with scene(tmp_path) as here, aclosing(here.watch()) as watching:
        assert (await anext(watching)).HasField("caught_up")
        await here.store(step())
        assert await heard_until(watching, 1) == [1]
        # More than memory keeps for all.
        long = event_pb2.EventBody(git_delayed=event_pb2.GitDelayed(reason="x" * 10_000))
        await here.store(*[long] * 1200)
        assert here.hub.kept_bytes <= ALL_BYTES < 1200 * 10_000
        assert await heard_until(watching, 1200) == list(range(2, 1202))
        await here.store(step())
        assert await heard_until(watching, 1) == [1202]


async def test_a_reader_of_the_database_does_not_run_ahead_of_what_is_told(tmp_path: Path) -> None:
    async with scene(tmp_path) as here, aclosing(here.watch()) as watching:
        assert (await anext(watching)).HasField("caught_up")
        await here.store(step())
        async with asyncio.timeout(20):
            while here.hub.kept_bytes:
                await asyncio.sleep(0.05)
        here.told.clear()
        await here.store(step())
        assert await heard_until(watching, 1) == [1]
        here.told.set()
        await here.store(step())
        assert await heard_until(watching, 2) == [2, 3]


async def test_more_than_a_message_holds_comes_in_several(tmp_path: Path) -> None:
    big = event_pb2.EventBody(git_delayed=event_pb2.GitDelayed(reason="x" * 40_000))
    async with scene(tmp_path) as here:
        await here.store(*[big] * 8)
        async with aclosing(here.watch()) as watching:
            assert await heard_until(watching, 8) == list(range(1, 9))
            assert (await anext(watching)).HasField("caught_up")
            await here.store(*[big] * 8)
            assert await heard_until(watching, 8) == list(range(9, 17))


async def test_what_goes_on_comes_with_the_end_of_the_replay_and_goes_on(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        await here.store(step())
        for number, text in enumerate(("I w", "ill", "!")):
            delta = piece("m1", text, number * 3, task_id=TASKS[0])
            here.hub.delta(ANN, TASKS[0], delta, delta.ByteSize())
        async with aclosing(here.watch(TASKS[0])) as watching, aclosing(here.watch(TASKS[1])) as other:
            assert len((await anext(watching)).events) == 1
            caught_up = await anext(watching)
            assert caught_up.caught_up.cursor == f"{EPOCH}.1"
            assert [(each.offset, each.text) for each in caught_up.snapshots] == [(0, "I will!")]
            assert not (await anext(other)).snapshots
            delta = piece("m1", " Now", 7, task_id=TASKS[0])
            here.hub.delta(ANN, TASKS[0], delta, delta.ByteSize())
            assert [(each.offset, each.text) for each in (await anext(watching)).deltas] == [(7, " Now")]
        await here.store(said("m1"))
        async with aclosing(here.watch(TASKS[0], f"{EPOCH}.2")) as late:
            assert not (await anext(late)).snapshots


@pytest.mark.parametrize("cursor", ["e6.1", f"{EPOCH}.3"])
async def test_a_cursor_of_another_history_or_beyond_its_end_is_reset(tmp_path: Path, cursor: str) -> None:
    async with scene(tmp_path) as here:
        await here.store(step(), step())
        async with aclosing(here.watch(after_cursor=cursor)) as watching:
            assert (await anext(watching)).reset.cursor == f"{EPOCH}.2"
            assert (await anext(watching)).caught_up.cursor == f"{EPOCH}.2"
            await here.store(step())
            assert await heard_until(watching, 1) == [3]


async def test_what_never_was_a_cursor_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as here, aclosing(here.watch(after_cursor="x")) as watching:
        with pytest.raises(Invalid):
            await anext(watching)
