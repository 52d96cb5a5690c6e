"""The scheduler put together and served: leaves, core, edges, then the port."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection

from errand.v1.account_service_pb2_grpc import add_AccountServiceServicer_to_server
from errand.v1.dispatch_service_pb2_grpc import add_DispatchServiceServicer_to_server
from errand.v1.event_pb2 import Delta
from errand.v1.task_service_pb2_grpc import add_TaskServiceServicer_to_server
from errand_common import contract, disk, rpc
from errand_common.clock import Clock
from errand_common.disk import Room
from errand_common.ids import Ids
from errand_common.listening import cannot_listen
from errand_common.service import StartError
from errand_scheduler import credentials, first_start, single_user, tls
from errand_scheduler.admission import Listed
from errand_scheduler.announcer import Announcer
from errand_scheduler.auth import Authority, CallGuard
from errand_scheduler.board import Board
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.cursors import Cursors
from errand_scheduler.durations import Durations
from errand_scheduler.edges.account import AccountEdge
from errand_scheduler.edges.dispatch import DispatchEdge
from errand_scheduler.edges.sign_in import SignIns
from errand_scheduler.edges.task import TaskEdge
from errand_scheduler.folder import DataFolder, locked
from errand_scheduler.github import SIGN_IN_AGAIN, GitHub, open_github
from errand_scheduler.hub import Hub
from errand_scheduler.people import People
from errand_scheduler.placer import Placer
from errand_scheduler.rights import PushRights
from errand_scheduler.runners import RunnerSessions
from errand_scheduler.sign_in_links import new_links
from errand_scheduler.single_user import Owner
from errand_scheduler.store import attempts
from errand_scheduler.store.database import prepare
from errand_scheduler.store.meta import Meta
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.reader_pool import open_reader
from errand_scheduler.store.writer import Writer
from errand_scheduler.store.writer_thread import open_writer
from errand_scheduler.sweeper import Sweeper
from errand_scheduler.vault import open_vault

log = structlog.get_logger()

_SERVICES = [service.full_name for service in contract.services()]
_STOP_GRACE_S = 5.0  # for unary calls; streams are told to end at once


class Scheduler:
    """Everything between the store and the port."""

    def __init__(
        self,
        settings: SchedulerSettings,
        clock: Clock,
        *,
        reader: Reader,
        writer: Writer,
        github: GitHub,
        announcer: Announcer,
        history: Meta,
        room: Room,
    ) -> None:
        self._room = room
        self._settings, self._clock, self._ids = settings, clock, Ids(clock)
        self._reader, self._writer, self._github, self._history = reader, writer, github, history
        self._durations = Durations(settings.beat_seconds)
        self._vault = open_vault(settings.keys_file)
        self._hub: Hub[Delta] = Hub()
        self._board = Board(clock, self._durations)
        self._sessions = RunnerSessions(clock, self._ids, self._durations)
        self._people = People(self._vault, self._ids)
        self._owner = self._make_owner()
        self._admission = self._owner or Listed(settings.admitted)
        self._authority = Authority(reader, clock, self._admission)
        self._rights = self._make_rights()
        self._placer = self._make_placer()
        self._sweeper = Sweeper(writer, self._board, clock, self._durations)
        self._guard = CallGuard(self._authority, contract.scopes(), self._ids)
        self._health = health.HealthServicer()
        announcer.connect(
            hub=self._hub,
            board=self._board,
            sessions=self._sessions,
            placer=self._placer,
            authority=self._authority,
            rights=self._rights,
        )

    @asynccontextmanager
    async def serving(self, listen: str, identity: tls.ServerIdentity) -> AsyncIterator[str]:
        """Serve while the context lasts; gives the bound address. Raises StartError."""
        self._board.restore(await self._reader.all(attempts.live()))
        if self._owner is not None:
            await self._owner.recall()
        server = self._server()
        address = _bind(server, listen, identity)
        for name in _SERVICES:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        await server.start()
        async with asyncio.TaskGroup() as watches:
            running = [watches.create_task(self._placer.run()), watches.create_task(self._sweeper.run())]
            if self._owner is not None:
                running.append(watches.create_task(self._owner.settle()))
            self._placer.wake()
            try:
                yield address
            finally:
                await self._stop(server)
                for task in running:
                    task.cancel()

    def _server(self) -> grpc.aio.Server:
        server = rpc.server([rpc.Boundary(self._guard)])
        add_TaskServiceServicer_to_server(self._make_task_edge(), server)
        add_AccountServiceServicer_to_server(self._make_account_edge(), server)
        add_DispatchServiceServicer_to_server(self._make_dispatch_edge(), server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection([*_SERVICES, "grpc.health.v1.Health", reflection.SERVICE_NAME], server)
        return server

    def _make_owner(self) -> Owner | None:
        if self._settings.github_token is None:
            return None
        return Owner(
            self._settings.github_token,
            reader=self._reader,
            writer=self._writer,
            vault=self._vault,
            people=self._people,
            github=self._github,
            retry_s=self._durations.github_retry_s,
        )

    def _make_rights(self) -> PushRights:
        return PushRights(
            reader=self._reader,
            vault=self._vault,
            admission=self._admission,
            github=self._github,
            clock=self._clock,
            durations=self._durations,
        )

    def _make_placer(self) -> Placer:
        return Placer(
            reader=self._reader,
            writer=self._writer,
            ids=self._ids,
            clock=self._clock,
            durations=self._durations,
            board=self._board,
            sessions=self._sessions,
            rights=self._rights,
        )

    def _make_task_edge(self) -> TaskEdge:
        return TaskEdge(
            reader=self._reader,
            writer=self._writer,
            ids=self._ids,
            board=self._board,
            hub=self._hub,
            cursors=Cursors(self._history.epoch),
            durations=self._durations,
            room=self._room,
        )

    def _make_account_edge(self) -> AccountEdge:
        return AccountEdge(
            reader=self._reader,
            writer=self._writer,
            ids=self._ids,
            sign_ins=self._make_sign_ins(),
            github=self._github,
            rights=self._rights,
            github_url=self._settings.github_url,
        )

    def _make_sign_ins(self) -> SignIns:
        return SignIns(
            reader=self._reader,
            writer=self._writer,
            people=self._people,
            github=self._github,
            links=new_links(self._clock),
            admission=self._admission,
        )

    def _make_dispatch_edge(self) -> DispatchEdge:
        return DispatchEdge(
            reader=self._reader,
            writer=self._writer,
            clock=self._clock,
            durations=self._durations,
            board=self._board,
            sessions=self._sessions,
            placer=self._placer,
            hub=self._hub,
            github=self._github,
            rights=self._rights,
        )

    async def _stop(self, server: grpc.aio.Server) -> None:
        await self._health.enter_graceful_shutdown()
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
        room = Room((folder.root,), settings.min_free_bytes, free_bytes)
        if shortage := await asyncio.to_thread(room.shortage):
            raise StartError(shortage)
        identity = tls.ensure(folder.tls)
        prepare(folder.database)
        announcer = Announcer()
        writer = await stack.enter_async_context(open_writer(folder.database, clock, announcer.announce))
        reader = await stack.enter_async_context(open_reader(folder.database))
        github = await stack.enter_async_context(open_github(settings.github_api_url, refused=_refused(settings)))
        history = await first_start.ensure_history(writer)
        await credentials.ensure(writer, Ids(clock), folder, runner_names=settings.runners)
        core = Scheduler(
            settings,
            clock,
            reader=reader,
            writer=writer,
            github=github,
            announcer=announcer,
            history=history,
            room=room,
        )
        address = await stack.enter_async_context(core.serving(settings.listen, identity))
        _tell_address(folder, address)
        yield address


def _refused(settings: SchedulerSettings) -> str:
    if settings.github_token is None:
        return SIGN_IN_AGAIN
    return single_user.token_refused(github_url=settings.github_url, github_api_url=settings.github_api_url)


def _bind(server: grpc.aio.Server, listen: str, identity: tls.ServerIdentity) -> str:
    shown = grpc.ssl_server_credentials([(identity.key, identity.certificate)])
    try:
        port = server.add_secure_port(listen, shown)
    except RuntimeError as exc:
        # gRPC does not say why.
        raise StartError(cannot_listen(listen)) from exc
    return f"{listen.rpartition(':')[0]}:{port}"


def _tell_address(folder: DataFolder, address: str) -> None:
    folder.address.write_text(address + "\n")
    log.info("scheduler_listens", address=address, data=str(folder.root))
