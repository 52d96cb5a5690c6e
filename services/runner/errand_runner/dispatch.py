"""What attempts ask of the scheduler: each call waits for a session and repeats until it is answered."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import structlog

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1.runner_pb2 import AttemptOutcome, AttemptRef, Directives, ItemResult
from errand_common import rpc
from errand_common.errors import Conflict, ErrandError, Exhausted, Internal, Unavailable, Unimplemented
from errand_runner.assembly import assembled
from errand_runner.backoff import Backoff
from errand_runner.together import Together

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
        self.chance = chance
        self.metadata = rpc.bearer(token)
        self._session_id = ""
        self._live = asyncio.Event()
        self._accepting = Together(self._accept)
        self._finishing = Together[AttemptOutcome, ItemResult](self._finish)
        self.on_directives: Callable[[Directives], None] = _to_nobody
        """Hears the directives of every reply. Whoever carries attempts sets it."""
        self.on_superseded: Callable[[str], None] = _to_nobody
        """Hears of a session that was replaced. Whoever opens sessions sets it."""

    def enter(self, session_id: str) -> None:
        """A session was opened."""
        self._session_id = session_id
        self._live.set()

    def leave(self) -> None:
        """The session is over; calls wait for the next."""
        self._live.clear()

    async def accept(self, attempt: AttemptRef) -> ItemResult:
        """Take an offer. What is asked at the same time goes together."""
        try:
            return await self._accepting.ask(attempt)
        except Internal:
            # What broke may be another's: alone it is taken, whatever becomes of that.
            (result,) = await self._accept([attempt])
            return result

    async def finish(self, outcome: AttemptOutcome) -> ItemResult:
        """End an attempt. Repeats until the scheduler answers, however long that takes: an end is never dropped.
        What is asked at the same time goes together."""
        try:
            return await self._finishing.ask(outcome)
        except Internal:
            (result,) = await self._finish([outcome], despite=Internal)
            return result

    async def _accept(self, attempts: Sequence[AttemptRef]) -> Sequence[ItemResult]:
        async def call(session_id: str) -> Sequence[ItemResult]:
            request = pb.AcceptAttemptsRequest(session_id=session_id, attempts=attempts)
            response = await self.stub.AcceptAttempts(request, metadata=self.metadata, timeout=CALL_S)
            self.on_directives(response.directives)
            return response.results

        return await self._answered(call)

    async def _finish(
        self, outcomes: Sequence[AttemptOutcome], *, despite: type[ErrandError] | None = None
    ) -> Sequence[ItemResult]:
        async def call(session_id: str) -> Sequence[ItemResult]:
            request = pb.FinishAttemptsRequest(session_id=session_id, outcomes=outcomes)
            response = await self.stub.FinishAttempts(request, metadata=self.metadata, timeout=CALL_S)
            self.on_directives(response.directives)
            return response.results

        return await self._answered(call, despite=despite)

    async def transcript(self, attempt: AttemptRef) -> list[pb.GetTranscriptResponse]:
        """The task's transcript, whole, with long content in its place."""

        async def call(session_id: str) -> list[pb.GetTranscriptResponse]:
            request = pb.GetTranscriptRequest(session_id=session_id, attempt=attempt)
            stream = self.stub.GetTranscript(request, metadata=self.metadata, timeout=TRANSCRIPT_S)
            return await assembled(stream)

        return await self._answered(call)

    async def lend_credential(
        self, attempt: AttemptRef, *, repository: str = "", refused_lent_id: str = ""
    ) -> pb.LendCredentialResponse:
        """Borrow the credential of a repository that the attempt may reach, by default its own; not the refused one."""

        async def call(session_id: str) -> pb.LendCredentialResponse:
            request = pb.LendCredentialRequest(
                session_id=session_id, attempt=attempt, repository=repository, refused_lent_id=refused_lent_id
            )
            return await self.stub.LendCredential(request, metadata=self.metadata, timeout=GITHUB_CALL_S)

        return await self._answered(call)

    async def lend_secrets(self, attempt: AttemptRef) -> pb.LendSecretsResponse:
        """Borrow the project's secrets."""

        async def call(session_id: str) -> pb.LendSecretsResponse:
            request = pb.LendSecretsRequest(session_id=session_id, attempt=attempt)
            return await self.stub.LendSecrets(request, metadata=self.metadata, timeout=CALL_S)

        return await self._answered(call)

    async def draw_money(self, attempt: AttemptRef, *, least: int, most: int) -> pb.DrawMoneyResponse:
        """Draw of the money of the user's day: the attempt may come to so many nano-dollars."""

        async def call(session_id: str) -> pb.DrawMoneyResponse:
            request = pb.DrawMoneyRequest(
                session_id=session_id, attempt=attempt, least_nanodollars=least, most_nanodollars=most
            )
            return await self.stub.DrawMoney(request, metadata=self.metadata, timeout=CALL_S)

        return await self._answered(call)

    async def open_pull_request(
        self, attempt: AttemptRef, proposed: pb.OpenPullRequestRequest
    ) -> pb.OpenPullRequestResponse:
        """Open the task's pull request, or bring the open one up to date."""

        async def call(session_id: str) -> pb.OpenPullRequestResponse:
            request = pb.OpenPullRequestRequest(session_id=session_id, attempt=attempt)
            request.MergeFrom(proposed)
            return await self.stub.OpenPullRequest(request, metadata=self.metadata, timeout=GITHUB_CALL_S)

        return await self._answered(call)

    async def _answered(
        self, call: Callable[[str], Awaitable[Answer]], *, despite: type[ErrandError] | None = None
    ) -> Answer:
        """The answer, whichever session gives it. Repeats after what passes, and after `despite`."""
        log = structlog.get_logger()
        backoff = Backoff(self.chance)
        while True:
            await self._live.wait()
            try:
                with rpc.renamed_errors():
                    return await call(session_id := self._session_id)
            except ErrandError as exc:
                if exc.reason == "SESSION_SUPERSEDED":
                    self.on_superseded(session_id)
                again = _passing(exc) or (despite is not None and isinstance(exc, despite))
                if not again or isinstance(exc, Unimplemented):
                    raise
                log.info("dispatch_call_repeated", reason=exc.reason, error=exc.message, transport=exc.transport)
                asked = exc.retry_after
                await asyncio.sleep(backoff.next_s(at_least_s=asked.total_seconds() if asked else 0.0))


def _to_nobody(told: object) -> None:
    """Until somebody listens."""


def _passing(error: ErrandError) -> bool:
    """Whether the same call may succeed later: the scheduler is away, or another session has begun.

    For GitHub the caller waits, who says so to the task's watchers and gives up in the end.
    """
    if error.reason == "GITHUB_UNAVAILABLE":
        return False
    superseded = isinstance(error, Conflict) and error.reason == "SESSION_SUPERSEDED"
    return superseded or isinstance(error, Unavailable | Exhausted)
