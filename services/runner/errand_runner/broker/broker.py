"""One attempt's broker: the listener on the unix socket that its sandbox sees."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import structlog
from aiohttp import web

from errand_common.tasks import beside
from errand_runner import doorway
from errand_runner.broker.ahead import Ahead
from errand_runner.broker.at_host import AtHost
from errand_runner.broker.door import Door
from errand_runner.broker.egress.internet import Internet, PublicInternet
from errand_runner.broker.egress.ledger import Ledger, Use
from errand_runner.broker.egress.proxy import Bounds, EgressProxy
from errand_runner.broker.egress.rules import Rules
from errand_runner.broker.egress.side import Side
from errand_runner.broker.git_proxy import GitProxy
from errand_runner.broker.http_log import HttpLog
from errand_runner.broker.inside import address_of, git_config
from errand_runner.broker.patience import USUAL, Patience
from errand_runner.broker.remote import Remote
from errand_runner.outage import GitHost

_PUSH_LIMIT_BYTES = 200 * 1024 * 1024
# At the end of an attempt nothing is waited for.
_SHUTDOWN_S = 0.5
# Of git's, and of those that have not said yet what they want; tunnels have a bound of their own.
_CONNECTIONS = 32


class _HangUp(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


@dataclass(frozen=True, kw_only=True)
class Egress:
    """The way to other hosts: `rules` are asked for every connection, `ledger` is told of each."""

    rules: Callable[[], Rules]
    internet: Internet
    ledger: Ledger
    bounds: Bounds = field(default_factory=Bounds)


class Broker:
    """Listens while its context lasts. `at_host` asks the git host for the runner itself.

    Whoever reaches the socket is taken for the sandbox, so its folder is bound into one container alone. The first of
    `remotes` is the task's own repository, which the sandbox will fetch soon if `fetches` says so. `allow` is asked for
    every request of git's; while it says no, nothing passes and nothing is lent. `holds` is asked for every piece of
    what passes, to whatever host; once it says no, the rest does not. `only_ref` is asked for every push: the one ref
    of those that may be pushed that still may, empty while all may. Without `egress` no other host is reached.
    """

    at_host: AtHost

    def __init__(
        self,
        *,
        socket_dir: Path,
        remotes: Sequence[Remote],
        allow: Callable[[], bool],
        holds: Callable[[], bool],
        only_ref: Callable[[], str] = str,
        egress: Egress | None = None,
        push_limit_bytes: int = _PUSH_LIMIT_BYTES,
        patience: Patience = USUAL,
        fetches: bool = False,
    ) -> None:
        self._path = socket_dir / doorway.SOCKET_NAME
        if len(bytes(self._path)) > doorway.SOCKET_PATH_BYTES:
            raise ValueError(f"{self._path} is too long for a socket; choose a shorter state folder")
        self._remotes, self._fetches = tuple(remotes), fetches
        self._allow, self._holds, self._only_ref = allow, holds, only_ref
        self._push_limit_bytes, self._patience = push_limit_bytes, patience
        egress = egress or Egress(rules=Rules, internet=PublicInternet(), ledger=Ledger(_tell_nobody))
        self._egress = EgressProxy(
            rules=egress.rules, internet=egress.internet, ledger=egress.ledger, holds=holds, bounds=egress.bounds
        )
        self._bounds = egress.bounds
        self._tunnels = asyncio.TaskGroup()
        self._tunnel_tasks: set[asyncio.Task[None]] = set()
        self._doors: set[Door] = set()
        self._stack = AsyncExitStack()
        self._server: web.Server | None = None
        self._frozen = False
        self.host = GitHost()

    @property
    def remote_url(self) -> str:
        """The repository's address as git inside the sandbox sees it."""
        return address_of(self._remotes[0])

    @property
    def git_config(self) -> str:
        """What git inside must be told, so that the usual addresses of these repositories lead here."""
        return git_config(self._remotes)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(
                aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True)
            )
            await stack.enter_async_context(self._tunnels)
            stack.callback(self._end_tunnels)
            ahead = Ahead(session, self._remotes[0])
            self.at_host = AtHost(session, self._remotes[0], self._allow)
            if self._fetches and self._allow():
                await stack.enter_async_context(beside(ahead.run()))
            await self._listen(stack, self._app(session, ahead))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def freeze(self) -> None:
        """Cut every connection and take no other."""
        self._frozen = True
        self._egress.cut()
        for connection in [*self._doors, *(self._server.connections if self._server else ())]:
            if connection.transport is not None:
                self._tell_cut()
                connection.transport.abort()

    async def thaw(self) -> None:
        """Take connections again."""
        self._frozen = False

    def _tell_cut(self) -> None:
        """What git then says in the sandbox is no answer of the git host's: it may be asked again."""
        self.host.trouble = "the attempt stood still, and all its connections were cut"

    def _app(self, session: aiohttp.ClientSession, ahead: Ahead) -> web.Application:
        proxy = GitProxy(
            session=session,
            remotes=self._remotes,
            ahead=ahead,
            allow=self._allow,
            holds=self._holds,
            only_ref=self._only_ref,
            push_limit_bytes=self._push_limit_bytes,
            patience=self._patience,
            host=self.host,
        )

        async def handle(http: web.Request) -> web.StreamResponse:
            if not http.raw_path.startswith("/"):
                return web.Response(status=403, text=self._egress.refuse_plain(http.raw_path) + "\n")
            return await proxy.handle(http)

        app = web.Application()
        app.router.add_route("*", "/{anything:.*}", handle)
        return app

    async def _listen(self, stack: AsyncExitStack, app: web.Application) -> None:
        runner = web.AppRunner(
            app,
            auto_decompress=False,
            handler_cancellation=True,
            access_log=None,
            logger=HttpLog(logging.getLogger(__name__)),
            shutdown_timeout=_SHUTDOWN_S,
            # It runs while a connection waits for a request's whole head, the first one's too, whatever trickles in.
            keepalive_timeout=self._patience.head_s,
        )
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await asyncio.to_thread(self._make_folder)
        self._server = runner.server
        listener = await asyncio.get_running_loop().create_unix_server(self._accept, str(self._path))
        stack.callback(listener.close)
        # The sandbox's uid, which is not ours, must connect; the folder alone decides who sees the socket.
        await asyncio.to_thread(self._path.chmod, 0o666)

    def _accept(self) -> asyncio.Protocol:
        assert self._server is not None  # set up before anyone can connect
        # Each costs the runner a descriptor, and one sandbox must not take those of the others.
        self._doors = {door for door in self._doors if door.transport is not None}
        taken = len(self._server.connections) + len(self._doors)
        if self._frozen:
            self._tell_cut()
            return _HangUp()
        if taken >= _CONNECTIONS or self._egress.connections >= 2 * self._bounds.connections:
            return _HangUp()
        door = Door(tunnel=self._tunnel, http=self._server)
        self._doors.add(door)
        return door

    def _tunnel(self, client: Side) -> None:
        task = self._tunnels.create_task(self._guarded(client))
        self._tunnel_tasks.add(task)
        task.add_done_callback(self._tunnel_tasks.discard)

    async def _guarded(self, client: Side) -> None:
        """The edge of a socket: whatever escapes from a tunnel ends it, and nothing else."""
        try:
            await self._egress.serve(client)
        except Exception:
            structlog.get_logger().exception("tunnel_broke")

    def _end_tunnels(self) -> None:
        for task in self._tunnel_tasks:
            task.cancel()

    def _make_folder(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.parent.chmod(0o711)
        self._path.unlink(missing_ok=True)


async def _tell_nobody(uses: Sequence[Use]) -> None:
    """Nothing is reached, and nobody listens."""
