"""The line to the scheduler: one channel, calls with a deadline, what passes tried again, errors in words."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.protobuf.message import Message

from errand.v1.access_service_pb2_grpc import AccessServiceStub
from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand.v1.task_service_pb2_grpc import TaskServiceStub
from errand_cli.profile import Profile
from errand_common import handshake, rpc
from errand_common.errors import Unauthenticated, Unavailable, from_rpc_error

if TYPE_CHECKING:  # only the type checker knows the stubs' aio flavour
    from errand.v1.access_service_pb2_grpc import AccessServiceAsyncStub
    from errand.v1.account_service_pb2_grpc import AccountServiceAsyncStub
    from errand.v1.fleet_service_pb2_grpc import FleetServiceAsyncStub
    from errand.v1.task_service_pb2_grpc import TaskServiceAsyncStub

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

CALL_S = 30.0
# The same request is sent again: each that changes something carries an id of its own, and counts once.
_WAITS_S = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Connection:
    """A channel with the stubs on it. What goes wrong is raised as ErrandError."""

    profile: Profile
    channel: grpc.aio.Channel
    tasks: "TaskServiceAsyncStub"
    accounts: "AccountServiceAsyncStub"
    fleet: "FleetServiceAsyncStub"
    access: "AccessServiceAsyncStub"

    async def ask(self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request) -> Response:
        """The answer to one call; a scheduler that does not answer at all is asked three times more."""
        for wait_s in _WAITS_S:
            try:
                return await self._once(method, request)
            except Unavailable as exc:
                if not exc.transport or handshake.with_scheduler(exc.transport):
                    # It did answer, or it will not by being asked again.
                    raise
            await asyncio.sleep(wait_s)
        return await self._once(method, request)

    async def pages(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request
    ) -> AsyncGenerator[Response]:
        """Every page of a list, from that of `request` on, which is asked again with each page's token."""
        asked: Any = request
        while True:
            page: Any = await self.ask(method, request)
            yield page
            if not page.next_page_token:
                return
            asked.page_token = page.next_page_token

    async def read(
        self,
        method: grpc.aio.UnaryStreamMultiCallable[Request, Response],
        request: Request,
        *,
        silence_s: float | None = None,
    ) -> AsyncGenerator[Response]:
        """What a stream brings, until it ends; with `silence_s`, no longer than that without a word."""
        call = method(request, metadata=rpc.bearer(self.profile.token))
        try:
            with self._worded():
                while True:
                    async with asyncio.timeout(silence_s):
                        answer = await call.read()
                    if answer is grpc.aio.EOF:
                        return
                    yield answer  # type: ignore[misc]  # the stubs do not know that EOF is not an answer
        except TimeoutError as exc:
            raise Unavailable(f"the scheduler sent nothing for {silence_s:.0f} s; look at its log") from exc
        finally:
            call.cancel()

    async def _once(self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request) -> Response:
        with self._worded():
            return await method(request, timeout=CALL_S, metadata=rpc.bearer(self.profile.token))

    @contextmanager
    def _worded(self) -> Iterator[None]:
        """Errors say where the scheduler was looked for, and what to do about a token."""
        try:
            yield
        except grpc.RpcError as exc:
            found = from_rpc_error(exc)
            if isinstance(found, Unauthenticated):
                found.message = f"{found.message}; errand login takes another token"
            elif isinstance(found, Unavailable) and found.transport:
                found.message = f"{found.message} (asked at {self.profile.scheduler})"
                if handshake.with_scheduler(found.transport):
                    found.message += "; errand login takes another certificate, or another address"
            raise found from exc


@asynccontextmanager
async def connect(profile: Profile) -> AsyncIterator[Connection]:
    """A line that is closed at the end; nothing is asked yet."""
    async with rpc.channel(profile.scheduler, ca=profile.ca.encode()) as channel:
        yield Connection(
            profile=profile,
            channel=channel,
            tasks=TaskServiceStub(channel),
            accounts=AccountServiceStub(channel),
            fleet=FleetServiceStub(channel),
            access=AccessServiceStub(channel),
        )
