"""What attempts ask of the scheduler: each call waits for a session and repeats until it is answered."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import structlog

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1.runner_pb2 import AttemptOutcome, AttemptRef, ItemResult
from errand_common import rpc
from errand_common.errors import Conflict, ErrandError, Exhausted, Internal, Unavailable
from errand_runner.backoff import Backoff

if TYPE_CHECKING:
    # The generated module has one stub class for both kinds of channel; only its types tell them apart.
    from errand.v1.dispatch_service_pb2_grpc import DispatchServiceAsyncStub

CALL_S = 10.0
"""The deadline of a control call."""

TRANSCRIPT_S = 60.0
"""The deadline for reading a whole transcript."""

GITHUB_CALL_S = 40.0
"""The deadline of a call behind which the scheduler asks GitHub."""

Answer = TypeVar("Answer")


class Dispatch:
    """The scheduler as an attempt sees it: whichever session is live."""

    def __init__(self, stub: "DispatchServiceAsyncStub", token: str, chance: random.Random) -> None:
        self.stub = stub
        self._chance = chance
        self.metadata = rpc.bearer(token)
        self._session_id = ""
        self._live = asyncio.Event()

    def enter(self, session_id: str) -> None:
        """A session was opened."""
        self._session_id = session_id
        self._live.set()

    def leave(self) -> None:
        """The session is over; calls wait for the next."""
        self._live.clear()

    async def accept(self, attempts: Sequence[AttemptRef]) -> Sequence[ItemResult]:
        """Take offers; a result for each."""

        async def call(session_id: str) -> Sequence[ItemResult]:
            request = pb.AcceptAttemptsRequest(session_id=session_id, attempts=attempts)
            return (await self.stub.AcceptAttempts(request, metadata=self.metadata, timeout=CALL_S)).results

        return await self._answered(call)

    async def finish(self, outcome: AttemptOutcome) -> ItemResult:
        """End an attempt. Repeats until the scheduler answers, however long that takes: an end is never dropped."""

        async def call(session_id: str) -> ItemResult:
            request = pb.FinishAttemptsRequest(session_id=session_id, outcomes=[outcome])
            return (await self.stub.FinishAttempts(request, metadata=self.metadata, timeout=CALL_S)).results[0]

        return await self._answered(call, despite=Internal)

    async def transcript(self, attempt: AttemptRef) -> list[pb.GetTranscriptResponse]:
        """The task's transcript, whole."""

        async def call(session_id: str) -> list[pb.GetTranscriptResponse]:
            request = pb.GetTranscriptRequest(session_id=session_id, attempt=attempt)
            stream = self.stub.GetTranscript(request, metadata=self.metadata, timeout=TRANSCRIPT_S)
            return [item async for item in stream]

        return await self._answered(call)

    async def lend_credential(self, attempt: AttemptRef, *, refresh: bool) -> pb.LendCredentialResponse:
        """Borrow the repository's credential for one use."""

        async def call(session_id: str) -> pb.LendCredentialResponse:
            request = pb.LendCredentialRequest(session_id=session_id, attempt=attempt, refresh=refresh)
            return await self.stub.LendCredential(request, metadata=self.metadata, timeout=GITHUB_CALL_S)

        return await self._answered(call)

    async def open_pull_request(self, attempt: AttemptRef, *, title: str, body: str) -> pb.OpenPullRequestResponse:
        """Open the task's pull request, or find it open."""

        async def call(session_id: str) -> pb.OpenPullRequestResponse:
            request = pb.OpenPullRequestRequest(session_id=session_id, attempt=attempt, title=title, body=body)
            return await self.stub.OpenPullRequest(request, metadata=self.metadata, timeout=GITHUB_CALL_S)

        return await self._answered(call)

    async def _answered(
        self, call: Callable[[str], Awaitable[Answer]], *, despite: type[ErrandError] | None = None
    ) -> Answer:
        """The answer, whichever session gives it. Repeats after what passes, and after `despite`."""
        log = structlog.get_logger()
        backoff = Backoff(self._chance)
        while True:
            await self._live.wait()
            try:
                with rpc.renamed_errors():
                    return await call(self._session_id)
            except ErrandError as exc:
                if not _passing(exc) and (despite is None or not isinstance(exc, despite)):
                    raise
                log.info("dispatch_call_repeated", reason=exc.reason, error=exc.message, transport=exc.transport)
                await asyncio.sleep(backoff.next_s())


def _passing(error: ErrandError) -> bool:
    """Whether the same call may succeed later: the scheduler is away, or another session has begun.

    For GitHub the caller waits, who says so to the task's watchers and gives up in the end.
    """
    if error.reason == "GITHUB_UNAVAILABLE":
        return False
    superseded = isinstance(error, Conflict) and error.reason == "SESSION_SUPERSEDED"
    return superseded or isinstance(error, Unavailable | Exhausted)
