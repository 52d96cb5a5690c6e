"""The connection to the scheduler, whenever it comes."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import grpc
import structlog
from google.protobuf.message import Message
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand.v1.task_service_pb2_grpc import TaskServiceStub
from errand_common import handshake, rpc
from errand_common.clock import Clock
from errand_common.credentials import PEM_END, awaited, read_secret
from errand_common.errors import ErrandError, Unavailable
from errand_common.wire import Json, to_json
from errand_gateway.metrics import counted

if TYPE_CHECKING:  # these names exist in the stubs' stubs alone
    from errand.v1.account_service_pb2_grpc import AccountServiceAsyncStub
    from errand.v1.task_service_pb2_grpc import TaskServiceAsyncStub

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT", bound=Message)
JsonObject = dict[str, Json]

CALL_S = 10.0
"""How long one call may take; those behind which the scheduler asks GitHub take the longest."""

_READY_S = 2.0
_AWAY_LINE_S = 30.0

log = structlog.get_logger()


@dataclass(frozen=True)
class _Open:
    channel: grpc.aio.Channel
    watching: grpc.aio.Channel
    tasks: "TaskServiceAsyncStub"
    watches: "TaskServiceAsyncStub"
    accounts: "AccountServiceAsyncStub"
    health: HealthStub


class Connection:
    """A channel, and one for watches alone. Until the scheduler has written its CA, every use raises Unavailable."""

    def __init__(self, address: str, *, ca_file: Path, token_file: Path) -> None:
        self._address = address
        self._ca_file = ca_file
        self._token_file = token_file
        self._open: _Open | None = None

    async def open(self) -> None:
        """Wait for the scheduler's CA, then make the channels, which connect and reconnect by themselves."""
        ca = await awaited(self._ca_file, setting="ERRAND_CA_FILE", ending=PEM_END)
        channel = rpc.channel(self._address, ca=ca)
        # A phone that takes nothing has its watch left unread.
        watching = rpc.channel(self._address, ca=ca, small_windows=True)
        self._open = _Open(
            channel,
            watching,
            tasks=TaskServiceStub(channel),
            watches=TaskServiceStub(watching),
            accounts=AccountServiceStub(channel),
            health=HealthStub(channel),
        )
        channel.get_state(try_to_connect=True)
        log.info("scheduler_channel_opened", address=self._address)

    async def watch(self, clock: Clock) -> None:
        """Tell the log, until cancelled, that the scheduler cannot be reached, and why; then, that it can again."""
        channel = self._opened().channel
        told, told_s = "", 0.0
        while True:
            # Without a call of its own: a channel that is left alone after its peer went connects at once for the next
            # caller, one that tried meanwhile lets callers wait.
            state = channel.get_state()
            if state is grpc.ChannelConnectivity.READY and told:
                log.info("scheduler_reached", address=self._address)
                told = ""
            elif state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                why = await self._why_away()
                if why and (why != told or clock.boot_s() - told_s > _AWAY_LINE_S):
                    log.warning("scheduler_away", address=self._address, error=why)
                    told, told_s = why, clock.boot_s()
            await channel.wait_for_state_change(state)

    async def close(self) -> None:
        """End both; idempotent."""
        opened, self._open = self._open, None
        if opened is not None:
            await opened.watching.close()
            await opened.channel.close()

    @property
    def tasks(self) -> "TaskServiceAsyncStub":
        """Raises Unavailable before `open` is through."""
        return self._opened().tasks

    @property
    def watches(self) -> "TaskServiceAsyncStub":
        """For streams that may be left unread. Raises Unavailable before `open` is through."""
        return self._opened().watches

    @property
    def accounts(self) -> "AccountServiceAsyncStub":
        """Raises Unavailable before `open` is through."""
        return self._opened().accounts

    async def ask(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT],
        request: RequestT,
        *,
        token: str,
    ) -> ResponseT:
        """One call with a deadline, under the credential given. Raises ErrandError."""
        with counted.asking():
            return await method(request, timeout=CALL_S, metadata=call_metadata(token))

    async def read(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT],
        request: RequestT,
        *,
        token: str,
    ) -> JsonObject:
        """`ask`, answered as JSON."""
        response: ResponseT = await self.ask(method, request, token=token)
        return to_json(response)

    async def service_token(self) -> str:
        """The gateway's own credential, read anew so that a replaced one counts at once. Raises Unavailable."""
        try:
            return await asyncio.to_thread(read_secret, self._token_file)
        except (OSError, ValueError) as exc:
            log.error("service_token_unreadable", error=str(exc))
            raise Unavailable("this gateway has no service token yet; its owner finds why in its log") from exc

    async def trouble(self) -> str:
        """In words, why nothing can be asked of the scheduler; empty when it answers, within 2 s."""
        exc = await self._unreachable()
        if exc is None:
            return ""
        found = handshake.with_scheduler(exc.transport)
        return found or "the scheduler does not answer the gateway; start it, or look at ERRAND_SCHEDULER"

    async def _why_away(self) -> str:
        """The same for the log, with what gRPC says."""
        exc = await self._unreachable()
        if exc is None:
            return ""
        return await handshake.look_at_scheduler(exc.transport, self._address) or exc.transport

    async def _unreachable(self) -> Unavailable | None:
        if self._open is None:
            return Unavailable("there is no channel yet")
        try:
            with rpc.renamed_errors():
                await self._open.health.Check(HealthCheckRequest(), timeout=_READY_S)
        except Unavailable as exc:
            return exc
        except ErrandError:
            # Whatever it says, it is there.
            return None
        return None

    def _opened(self) -> _Open:
        if self._open is None:
            counted.SCHEDULER_ERRORS.labels("UNAVAILABLE").inc()
            message = "the gateway has not found the scheduler yet; try again in a moment"
            raise Unavailable(message, retry_after=timedelta(seconds=1))
        return self._open


def call_metadata(token: str) -> tuple[tuple[str, str], ...]:
    """The caller's credential, and the request's id so that one line here can be found there."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return (*rpc.bearer(token), (rpc.REQUEST_ID, request_id)) if request_id else rpc.bearer(token)
