"""The scheduler served: leaves, then its parts, then the port."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import grpc
import structlog

from errand_common import crowd, disk, metrics, rpc
from errand_common.clock import Clock
from errand_common.disk import Room
from errand_common.ids import Ids
from errand_common.listening import cannot_listen
from errand_common.service import StartError
from errand_scheduler import certificates, first_start, tls
from errand_scheduler.access import credentials, single_user
from errand_scheduler.access.admission import Listed
from errand_scheduler.access.memberships import Memberships
from errand_scheduler.announcer import Announcer
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.edges.stream import SEND_S, SendLimit
from errand_scheduler.folder import DataFolder, locked
from errand_scheduler.git_hosts import open_git_hosts
from errand_scheduler.github import SIGN_IN_AGAIN, GitHub, open_wire
from errand_scheduler.handlers import Handlers
from errand_scheduler.keeping.blob_files import BlobFiles
from errand_scheduler.keeping.mending import Mending
from errand_scheduler.metrics.calls import Metered
from errand_scheduler.store import attempts, clocked, events, runners
from errand_scheduler.store.database import prepare
from errand_scheduler.store.reader_pool import open_reader
from errand_scheduler.store.writer_thread import open_writer

log = structlog.get_logger()

_STOP_GRACE_S = 5.0  # for unary calls; streams are told to end at once
Beside = Callable[[], Coroutine[object, object, None]]
"""Runs until it is cancelled; what it raises ends the scheduler."""


class Scheduler(Handlers):
    """Handlers with a port."""

    @asynccontextmanager
    async def serving(
        self, listen: str, shown: grpc.ServerCredentials, *, beside: Sequence[Beside] = ()
    ) -> AsyncIterator[str]:
        """Serve while the context lasts, with what runs `beside`; gives the bound address. Raises StartError."""
        self._board.restore(await self._reader.all(attempts.live()), await self._reader.all(clocked.every()))
        self._sessions.restore(await self._reader.all(runners.every()))
        self._hub.begin(await self._reader.one(events.head()) or 0)
        if self._owner is not None:
            await self._owner.recall()
        server = self._new_server([rpc.Boundary(Metered(self._guard)), SendLimit(SEND_S)])
        self._add_handlers(server)
        address = _bind(server, listen, shown)
        await self.tell_writable(True)
        await server.start()
        async with asyncio.TaskGroup() as watches:
            runs = [
                self._placer.run,
                self._sweeper.run,
                self._retention.run,
                self._tokens.run,
                self._revoking.run,
                self._drawing.go_on,
                *beside,
            ]
            if self._app is not None:
                runs.append(self._app.settle)
            if self._owner is not None:
                runs.append(self._owner.settle)
            if isinstance(self._admission, Listed):
                runs.append(self._memberships(self._admission).run)
            running = [watches.create_task(run()) for run in runs]
            self._placer.wake()
            try:
                yield address
            finally:
                await self._stop(server)
                for task in running:
                    task.cancel()

    def _memberships(self, listed: Listed) -> Memberships:
        return Memberships(
            reader=self._reader,
            writer=self._writer,
            tokens=self._tokens,
            github=self._github,
            listed=listed,
            clock=self._clock,
            round_s=self._durations.github_retry_s,
        )

    async def _stop(self, server: grpc.aio.Server) -> None:
        self._health.stop()
        self._hub.stop()
        self._sessions.stop()
        await server.stop(_STOP_GRACE_S)


@asynccontextmanager
async def scheduler(
    settings: SchedulerSettings, clock: Clock, *, free_bytes: Callable[[Path], int] = disk.free_bytes
) -> AsyncIterator[str]:
    """A scheduler that serves while the context lasts; gives its address. Raises StartError."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(locked(settings.data))
        folder.clear()
        room = Room((folder.root,), settings.min_free_bytes, free_bytes)
        if shortage := await asyncio.to_thread(room.shortage):
            raise StartError(shortage)
        files = certificates.files_of(settings, folder)
        if settings.tls_ca_file is None:
            tls.ensure(folder.tls, now_us=clock.now_us())
        shown = certificates.Shown(files, clock)
        prepare(folder.database)
        blob_files = BlobFiles(folder.blobs)
        blob_files.prepare()
        announcer = Announcer()
        writer = await stack.enter_async_context(open_writer(folder.database, clock, announcer.announce))
        reader = await stack.enter_async_context(open_reader(folder.database))
        github_api = await stack.enter_async_context(open_wire(settings.github_api_url, refused=_refused(settings)))
        git_hosts = await stack.enter_async_context(open_git_hosts(settings.git_hosts))
        history = await first_start.ensure_history(writer)
        await credentials.ensure(writer, Ids(clock), folder, ca=files.ca.read_bytes(), runner_names=settings.runners)
        core = Scheduler(
            settings,
            clock,
            reader=reader,
            writer=writer,
            github=GitHub(github_api),
            github_api=github_api,
            git_hosts=git_hosts,
            announcer=announcer,
            history=history,
            room=room,
            blob_files=blob_files,
            ids=Ids(clock),
            new_server=partial(rpc.server, crowd=crowd.within(crowd.raised_descriptors())),
        )
        await stack.enter_async_context(metrics.told(settings.metrics_listen, core.state))
        mending = Mending(writer, tell=core.tell_writable, beat_s=settings.beat_seconds)
        beside = [mending.run, writer.until_broken]
        if settings.tls_ca_file is None:
            beside.append(lambda: certificates.keep_own_fresh(folder, clock))
        address = await stack.enter_async_context(core.serving(settings.listen, shown.credentials, beside=beside))
        _tell_address(folder, address)
        yield address


def _refused(settings: SchedulerSettings) -> str:
    if settings.github_token is None:
        return SIGN_IN_AGAIN
    return single_user.token_refused(github_url=settings.github_url, github_api_url=settings.github_api_url)


def _bind(server: grpc.aio.Server, listen: str, shown: grpc.ServerCredentials) -> str:
    try:
        port = server.add_secure_port(listen, shown)
    except RuntimeError as exc:
        # gRPC does not say why.
        raise StartError(cannot_listen(listen)) from exc
    return f"{listen.rpartition(':')[0]}:{port}"


def _tell_address(folder: DataFolder, address: str) -> None:
    folder.address.write_text(address + "\n")
    log.info("scheduler_listens", address=address, data=str(folder.root))
