"""The connection to the scheduler, whenever it comes."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import grpc
import structlog
from google.protobuf.message import Message

from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand.v1.task_service_pb2_grpc import TaskServiceStub
from errand_common import rpc
from errand_common.credentials import PEM_END, awaited, read_secret
from errand_common.errors import Unavailable
from errand_common.wire import Json, to_json

if TYPE_CHECKING:  # these names exist in the stubs' stubs alone
    from errand.v1.account_service_pb2_grpc import AccountServiceAsyncStub
    from errand.v1.task_service_pb2_grpc import TaskServiceAsyncStub

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT", bound=Message)
JsonObject = dict[str, Json]

CALL_S = 10.0
"""How long one call may take; those behind which the scheduler asks GitHub take the longest."""

_READY_S = 2.0

log = structlog.get_logger()


@dataclass(frozen=True)
class _Open:
    channel: grpc.aio.Channel
    tasks: "TaskServiceAsyncStub"
    accounts: "AccountServiceAsyncStub"


class Connection:
    """One channel. Until the scheduler has written its CA, every use raises Unavailable."""

    def __init__(self, address: str, *, ca_file: Path, token_file: Path) -> None:
        self._address = address
        self._ca_file = ca_file
        self._token_file = token_file
        self._open: _Open | None = None

    async def open(self) -> None:
        """Wait for the scheduler's CA, then make the channel, which connects and reconnects by itself."""
        channel = rpc.channel(self._address, ca=await awaited(self._ca_file, setting="ERRAND_CA_FILE", ending=PEM_END))
        self._open = _Open(channel, TaskServiceStub(channel), AccountServiceStub(channel))
        channel.get_state(try_to_connect=True)
        log.info("scheduler_channel_opened", address=self._address)

    async def close(self) -> None:
        """End the channel; idempotent."""
        opened, self._open = self._open, None
        if opened is not None:
            await opened.channel.close()

    @property
    def tasks(self) -> "TaskServiceAsyncStub":
        """Raises Unavailable before `open` is through."""
        return self._opened().tasks

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
        with rpc.renamed_errors():
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

    async def ready(self) -> bool:
        """Whether the scheduler answers within 2 s."""
        if self._open is None:
            return False
        try:
            async with asyncio.timeout(_READY_S):
                await self._open.channel.channel_ready()
        except TimeoutError:
            return False
        return True

    def _opened(self) -> _Open:
        if self._open is None:
            message = "the gateway has not found the scheduler yet; try again in a moment"
            raise Unavailable(message, retry_after=timedelta(seconds=1))
        return self._open


def call_metadata(token: str) -> tuple[tuple[str, str], ...]:
    """The caller's credential, and the request's id so that one line here can be found there."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return (*rpc.bearer(token), (rpc.REQUEST_ID, request_id)) if request_id else rpc.bearer(token)
