"""The scheduler's host: a disk with the database, and whatever process of the real Scheduler lives on it just now."""

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

from cryptography.fernet import Fernet
from grpc import ServerCredentials

from errand_common.clock import Instant
from errand_common.disk import Room
from errand_common.errors import Unavailable
from errand_common.ids import Ids
from errand_scheduler.announcer import Announcer
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.durations import Durations
from errand_scheduler.git_hosts import GitHosts
from errand_scheduler.github import Wire
from errand_scheduler.keeping.blob_files import BlobFiles
from errand_scheduler.keeping.mending import Mending
from errand_scheduler.server import Scheduler
from errand_scheduler.store import meta
from errand_scheduler.store.appends import Appends
from errand_scheduler.store.meta import Meta
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer_thread import StorageBroken
from tests.sim.clock import HostClock
from tests.sim.code_host import GitHub, GitHubMood, Rights, Tokens
from tests.sim.database import USERS, new_database
from tests.sim.network import Network
from tests.sim.process import Process
from tests.sim.server import Server
from tests.sim.store import Disk, InlineReader, InlineWriter
from tests.sim.temper import Temper

BEAT_S = 5.0


class _SimScheduler(Scheduler):
    """The real one, with its questions to GitHub answered here."""

    def __init__(self, *args: Any, sim_rights: Callable[[Durations], Any], **more: Any) -> None:
        self._sim_rights = sim_rights
        super().__init__(*args, **more)

    def _make_rights(self) -> Any:
        return self._sim_rights(self._durations)

    def _make_tokens(self) -> Any:
        return Tokens(cast(GitHub, self._github))


class SchedulerHost:
    """Starts, kills and restarts the scheduler; the database and the blobs stay."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        chance: random.Random,
        network: Network,
        folder: Path,
        *,
        committed: Callable[[], None],
        note: Callable[[str], None],
        broke: Callable[[BaseException], None],
        limits: dict[str, str],
        temper: Temper,
    ) -> None:
        self._chance, self._network, self._folder = chance, network, folder
        self._committed, self._note, self._broke = committed, note, broke
        self.clock = HostClock(loop, boot_s=1000.0)
        self.connection = new_database()
        self.disk = Disk(self.connection, chance)
        self.mood = GitHubMood()
        self.process: Process | None = None
        self.core: _SimScheduler | None = None
        self.starts = 0
        self.killed: Callable[[], None] = lambda: None
        self._stop: asyncio.Event | None = None
        self._limits, self._temper = limits, temper

    @property
    def up(self) -> bool:
        """Whether a process lives here."""
        return self.process is not None and self.process.alive

    def start(self) -> None:
        """A new process."""
        self.starts += 1
        self._note(f"scheduler starts, number {self.starts}")
        process = self.process = Process("scheduler")
        process.on_kill.append(self._on_kill)
        process.spawn(self._serve(process))

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()

    def terminate(self) -> None:
        """SIGTERM."""
        if self._stop is not None:
            self._stop.set()

    def _on_kill(self) -> None:
        self._note("scheduler dies")
        self._network.server = None
        self.connection.kill_at_commit = False
        self._network.lose_all()
        self.killed()

    def _history(self) -> Meta:
        history = Tx(self.connection, Instant(0, 0), Appends(self.connection)).one(meta.get())
        assert history is not None
        return history

    async def _serve(self, process: Process) -> None:
        try:
            await self._serve_until_stopped(process)
        except* StorageBroken:
            self._note("the scheduler ends: its disk is broken")
        except* Unavailable as exc:
            self._note("the scheduler does not start: it cannot read")
            if not self.connection.unread:
                self._broke(exc)
        except* Exception as exc:
            self._broke(exc)
        self._network.server = None
        process.kill()

    async def _serve_until_stopped(self, process: Process) -> None:
        stop = self._stop = asyncio.Event()
        announcer = Announcer()
        server = Server(process)

        def new_server(interceptors: Sequence[Any]) -> Any:
            server.interceptors = list(interceptors)
            return server

        writer = InlineWriter(self.disk, self.clock, process, announcer.announce, self._committed)
        blob_files = BlobFiles(self._folder / "blobs")
        blob_files.prepare()
        core = self.core = _SimScheduler(
            _settings(self._folder, json.dumps(self._limits)),
            self.clock,
            reader=InlineReader(self.connection, self._chance),
            writer=writer,
            github=GitHub(self._chance, self._temper, self.mood),
            github_api=cast(Wire, None),
            git_hosts=cast(GitHosts, None),
            announcer=announcer,
            history=self._history(),
            room=Room((), 0),
            blob_files=blob_files,
            ids=Ids(self.clock, self._chance.randbytes),
            new_server=new_server,
            sim_rights=lambda durations: Rights(durations, self.clock, self._chance, self.mood),
        )
        mending = Mending(writer, tell=core.tell_writable, beat_s=BEAT_S)
        async with core.serving("sim:0", cast(ServerCredentials, None), beside=(mending.run, writer.until_broken)):
            self._network.server = server
            self._note("scheduler serves")
            await stop.wait()
        writer.stop()


@cache
def _settings(folder: Path, limits: str) -> SchedulerSettings:
    keys = folder / "keys"
    keys.write_text(Fernet.generate_key().decode())
    given: dict[str, Any] = {
        "ERRAND_DATA": str(folder),
        "ERRAND_GITHUB_CLIENT_ID": "sim",
        "ERRAND_ALLOWED_USERS": ",".join(f"person{number}" for number in range(USERS)),
        "ERRAND_SECRET_KEYS_FILE": str(keys),
        "ERRAND_BEAT_SECONDS": str(BEAT_S),
        "ERRAND_MIN_FREE_BYTES": "0",
        **json.loads(limits),
    }
    return SchedulerSettings(**given)
