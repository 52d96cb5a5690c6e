"""A placer at work: all that it hangs on is real, and the clock stands still."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet

from errand_common.ids import Ids
from errand_scheduler.access.admission import Listed
from errand_scheduler.access.auth import Authority
from errand_scheduler.access.other_hosts import OtherHosts
from errand_scheduler.access.rights import Answer, PushRights, Right
from errand_scheduler.access.user_tokens import UserTokens
from errand_scheduler.access.vault import Vault
from errand_scheduler.announcer import Announcer
from errand_scheduler.board import Board
from errand_scheduler.durations import Durations
from errand_scheduler.git_hosts import open_git_hosts
from errand_scheduler.github import GitHub, open_wire
from errand_scheduler.metrics.phases import Phases
from errand_scheduler.placing.placer import Placer
from errand_scheduler.runners import Arrival, RunnerSessions
from errand_scheduler.store import tasks
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.database import prepare
from errand_scheduler.store.notices import Notice
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.reader_pool import open_reader
from errand_scheduler.store.writer_thread import open_writer
from errand_scheduler.watching.cursors import Cursors
from errand_scheduler.watching.hub import Hub
from tests.unit.scheduler.moody import Moody
from tests.unit.scheduler.world import PROJECT, RUNNER, USER, StillClock, created, seed

DEADLINE_S = 20.0
DURATIONS = Durations(beat_s=10_000.0)
"""So long that nothing happens because time passes."""


@dataclass
class Office:
    """A placer at work, on a clock that stands still."""

    clock: StillClock
    ids: Ids
    reader: Reader
    writer: Moody
    board: Board
    sessions: RunnerSessions
    placer: Placer
    committed: asyncio.Event = field(default_factory=asyncio.Event)
    notices: list[Notice] = field(default_factory=list)

    def arrives(self, *, slots: int) -> None:
        arrival = Arrival(runner_id=RUNNER, name="box", nonce="one", slots=slots, labels={"model-key": "yes"})
        session, _ = self.sessions.open(arrival)
        self.sessions.settle(session)
        session.watches = session.watch_number = 1
        self.placer.wake()

    async def create(self) -> str:
        task = await self.writer.write(lambda tx: created(tx, self.ids, durations=DURATIONS, most_pending=1000))
        return task.task_id

    async def offered(self, task_id: str) -> Attempt:
        """The task's offer, once it is made."""
        await self.until(lambda: self.board.of_task(task_id) is not None)
        attempt = self.board.of_task(task_id)
        assert attempt is not None
        return attempt

    async def told(self, task_id: str, words: str) -> None:
        """Waits until the task's reason is this."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                self.committed.clear()  # before the look: what is committed during it counts too
                task = await self.reader.one(tasks.by_id(task_id))
                if task and task.status_reason == words:
                    return
                await self.committed.wait()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not true():
                self.committed.clear()
                await self.committed.wait()


@asynccontextmanager
async def at_work(folder: Path, *, most_live: int) -> AsyncIterator[Office]:
    clock, path, announcer = StillClock(), folder / "errand.db", Announcer()
    ids, board = Ids(clock), Board(clock, DURATIONS)
    sessions = RunnerSessions(clock, ids, DURATIONS)
    committed = asyncio.Event()

    told: list[Notice] = []

    def on_commit(notices: Sequence[Notice]) -> None:
        told.extend(notices)
        announcer.announce(notices)
        committed.set()

    prepare(path)
    async with (
        open_writer(path, clock, on_commit) as thread,
        open_reader(path) as reader,
        open_wire("http://127.0.0.1:1", refused="") as wire,
        open_git_hosts(()) as hosts,
    ):
        await thread.write(seed)
        writer, admission = Moody(thread), Listed(())
        vault = Vault([Fernet.generate_key().decode()])
        tokens = UserTokens(reader=reader, writer=writer, vault=vault, admission=admission, clock=clock, renewal=None)
        rights = PushRights(
            reader=reader,
            tokens=tokens,
            github=GitHub(wire),
            app=None,
            others=OtherHosts(hosts, reader, vault),
            clock=clock,
            durations=DURATIONS,
        )
        rights.remember(USER, PROJECT, Answer(Right.PUSH))
        placer = Placer(
            reader=reader,
            writer=writer,
            ids=ids,
            clock=clock,
            durations=DURATIONS,
            board=board,
            sessions=sessions,
            rights=rights,
            most_live=most_live,
        )
        authority = Authority(reader, clock, admission)
        hub = Hub(Cursors("e0"))
        announcer.connect(
            hub=hub,
            board=board,
            sessions=sessions,
            placer=placer,
            authority=authority,
            rights=rights,
            phases=Phases(clock),
            on_end=lambda _: None,
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(placer.run())
            yield Office(clock, ids, reader, writer, board, sessions, placer, committed, told)
            running.cancel()
