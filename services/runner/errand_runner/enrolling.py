"""What a host that joins asks of the scheduler."""

import asyncio
import re
import secrets
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from errand.v1 import enrolment_service_pb2 as pb
from errand.v1.enrolment_service_pb2 import JoinTokenContent
from errand_common import handshake, rpc
from errand_common.clock import Clock
from errand_common.credentials import hash_token, write_secret
from errand_common.errors import ErrandError, Exhausted, Unavailable
from errand_common.service import StartError
from errand_runner.joined import Joined

if TYPE_CHECKING:  # the stubs of the aio flavour are known to the type checker alone
    from errand.v1.enrolment_service_pb2_grpc import EnrolmentServiceAsyncStub

T = TypeVar("T")

_CALL_S = 10.0
_TRIES = 6
_PAUSE_S = 2.0
_MOST_SKEW_S = 300.0
_NAME_LETTERS = 32


class Enrolling:
    """One host's calls with its join token. Each is tried again for a while: all of them may be."""

    def __init__(
        self, stub: "EnrolmentServiceAsyncStub", content: JoinTokenContent, *, pause_s: float = _PAUSE_S
    ) -> None:
        self._stub = stub
        self._scheduler = content.scheduler
        self._metadata = rpc.bearer(content.secret)
        self._pause_s = pause_s

    async def check(self, clock: Clock) -> pb.CheckJoinTokenResponse:
        """What the token is good for. Raises StartError where it is good for nothing, where the scheduler is not
        reached or is another, and where this host's clock is wrong."""
        good = await self._asked(
            lambda: self._stub.CheckJoinToken(pb.CheckJoinTokenRequest(), metadata=self._metadata, timeout=_CALL_S)
        )
        behind_s = good.server_time.ToNanoseconds() / 1e9 - clock.now_us() / 1e6
        if abs(behind_s) > _MOST_SKEW_S:
            way = "behind" if behind_s > 0 else "ahead of"
            raise StartError(
                f"this host's clock is {_lasting(abs(behind_s))} {way} the scheduler's; set the one that is wrong"
                " (timedatectl set-ntp true)"
            )
        return good

    async def join(self, request_id: str, name: str) -> pb.JoinResponse:
        """Become a runner. Raises StartError."""
        request = pb.JoinRequest(request_id=request_id, name=name)
        return await self._asked(lambda: self._stub.Join(request, metadata=self._metadata, timeout=_CALL_S))

    async def _asked(self, call: Callable[[], Awaitable[T]]) -> T:
        for left in reversed(range(_TRIES)):
            try:
                with rpc.renamed_errors():
                    return await call()
            except (Unavailable, Exhausted) as exc:
                if trouble := await handshake.look_at_token(exc.transport, self._scheduler):
                    raise StartError(trouble) from exc
                if not left:
                    raise StartError(
                        f"the scheduler at {self._scheduler} does not answer ({exc.transport or exc.message}); is that"
                        " address reached from this host?"
                    ) from exc
            except ErrandError as exc:
                raise StartError(f"the scheduler at {self._scheduler} refuses: {exc.message}") from exc
            await asyncio.sleep(self._pause_s)
        raise AssertionError("the last try returns or raises")


def _lasting(seconds: float) -> str:
    """In the unit that says most."""
    hours = seconds / 3600
    return (
        f"{seconds / 60:.0f} minutes" if hours < 2 else f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
    )


def request_id(joined: Joined, secret: str) -> str:
    """Of this joining: the same where one with this token was broken off."""
    mark = hash_token(secret)
    if joined.request.exists():
        told, _, known = joined.request.read_text().strip().partition(" ")
        if told == mark and known:
            return known
        joined.request.unlink()
    fresh = secrets.token_hex(16)
    write_secret(joined.request, f"{mark} {fresh}")
    return fresh


def host_name() -> str:
    """This host's name as a runner's."""
    plain = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().partition(".")[0].lower()).strip("-")
    return plain[:_NAME_LETTERS].strip("-") or "runner"
