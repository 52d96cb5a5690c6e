"""DispatchService: what runners ask."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any

import grpc
import structlog

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import runner_pb2
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceServicer
from errand.v1.event_pb2 import Delta
from errand_common.clock import Clock
from errand_common.errors import Conflict, Denied, ErrandError, Invalid, Unavailable
from errand_common.wire import duration
from errand_scheduler.board import Board
from errand_scheduler.callers import runner_id
from errand_scheduler.durations import Durations
from errand_scheduler.edges import incoming
from errand_scheduler.edges.assignments import assignments
from errand_scheduler.edges.stream import until_stopped
from errand_scheduler.edges.transcript import transcript
from errand_scheduler.github import GitHub, Proposal, TokenRefused
from errand_scheduler.hub import Hub
from errand_scheduler.lifecycle import deadlines, records, turns
from errand_scheduler.lifecycle.decisions import AT_WORK, Held
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.placer import Placer
from errand_scheduler.rights import PushRights
from errand_scheduler.runners import RunnerSession, RunnerSessions
from errand_scheduler.store import attempts, projects, tasks
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.projects import Project
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.writer import Writer

Context = grpc.aio.ServicerContext[Any, Any]
log = structlog.get_logger()

_GIT_USERNAME = "x-access-token"  # what GitHub expects beside a token in basic authentication
_BODY_BYTES = 60 * 1024
_DELTA_BYTES = 17 * 1024  # a delta's text and the little beside it; a larger one is dropped, as any delta may be
_VERDICTS = {
    Held.KEEP: runner_pb2.VERDICT_KEEP,
    Held.STOP: runner_pb2.VERDICT_STOP,
    Held.FORGET: runner_pb2.VERDICT_FORGET,
}


class DispatchEdge(DispatchServiceServicer):
    """The runner is the credential's, the session the last one that it opened."""

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Writer,
        clock: Clock,
        durations: Durations,
        board: Board,
        sessions: RunnerSessions,
        placer: Placer,
        hub: Hub[Delta],
        github: GitHub,
        rights: PushRights,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._durations = durations
        self._board = board
        self._sessions = sessions
        self._placer = placer
        self._hub = hub
        self._github = github
        self._rights = rights

    async def OpenSession(self, request: pb.OpenSessionRequest, context: Context) -> pb.OpenSessionResponse:
        runner = runner_id()
        if not request.nonce:
            raise Invalid("nonce is empty; make a new one for each process start")
        if not 0 <= request.slots <= 1000:
            raise Invalid(f"slots is {request.slots}; it must be 0 to 1000")
        held = [incoming.holder(each.attempt, runner) for each in request.held_attempts]
        session, fresh = self._sessions.open(runner, nonce=request.nonce, slots=request.slots)
        verdicts = await self._writer.write(
            lambda tx: deadlines.take_inventory(
                tx, runner_id=runner, version=request.version, held=held, forgotten_are_lost=fresh
            )
        )
        for each, verdict in zip(held, verdicts, strict=True):
            if verdict is Held.KEEP:
                self._board.renew(each)
        log.info("runner_session_opened", runner_id=runner, session_id=session.session_id, held=len(held))
        return pb.OpenSessionResponse(
            session_id=session.session_id,
            beat=duration(self._durations.beat_s),
            verdicts=[_verdict(each, verdict) for each, verdict in zip(held, verdicts, strict=True)],
            runner_id=runner,
        )

    async def WatchAssignments(
        self, request: pb.WatchAssignmentsRequest, context: Context
    ) -> AsyncIterator[pb.WatchAssignmentsResponse]:
        session = self._session(request.session_id)
        with self._sessions.watched(session):
            self._placer.wake()
            async for change in assignments(self._reader, self._clock, session):
                yield change

    async def AcceptAttempts(self, request: pb.AcceptAttemptsRequest, context: Context) -> pb.AcceptAttemptsResponse:
        session = self._session(request.session_id)
        _check_count(len(request.attempts), 100)
        holders = [incoming.holder(ref, session.runner_id) for ref in request.attempts]
        accepted = [self._accept(holder) for holder in holders]
        return pb.AcceptAttemptsResponse(results=await _results(holders, accepted))

    async def Heartbeat(self, request: pb.HeartbeatRequest, context: Context) -> pb.HeartbeatResponse:
        session = self._session(request.session_id)
        _check_count(len(request.attempts), 1000)
        if self._sessions.heard(session):
            self._placer.wake()
        holders = [incoming.holder(ref, session.runner_id) for ref in request.attempts]
        verdicts = [(holder, self._board.renew(holder)) for holder in holders]
        return pb.HeartbeatResponse(
            directives=runner_pb2.Directives(
                verdicts=[_verdict(holder, verdict) for holder, verdict in verdicts if verdict is not Held.KEEP]
            )
        )

    async def StreamEvents(
        self, request_iterator: AsyncIterator[pb.StreamEventsRequest], context: Context
    ) -> AsyncIterator[pb.StreamEventsResponse]:
        async for request in until_stopped(request_iterator, self._sessions.stopped):
            session = self._session(request.session_id)
            self._pass_on(request.deltas, session)
            acks = await asyncio.gather(*(self._store(batch, session) for batch in request.batches))
            yield pb.StreamEventsResponse(batch_number=request.batch_number, acks=acks)
        if self._sessions.stopped.is_set():
            raise Unavailable("the scheduler is stopping; stream again")

    async def FinishAttempts(self, request: pb.FinishAttemptsRequest, context: Context) -> pb.FinishAttemptsResponse:
        session = self._session(request.session_id)
        _check_count(len(request.outcomes), 100)
        holders = [incoming.holder(outcome.attempt, session.runner_id) for outcome in request.outcomes]
        finished = [self._finish(holder, outcome) for holder, outcome in zip(holders, request.outcomes, strict=True)]
        return pb.FinishAttemptsResponse(results=await _results(holders, finished))

    async def GetTranscript(
        self, request: pb.GetTranscriptRequest, context: Context
    ) -> AsyncIterator[pb.GetTranscriptResponse]:
        attempt = self._at_work(request.session_id, request.attempt)
        async for piece in transcript(self._reader, attempt.task_id):
            yield piece

    async def LendCredential(self, request: pb.LendCredentialRequest, context: Context) -> pb.LendCredentialResponse:
        attempt = self._leased(request.session_id, request.attempt)
        token = await self._rights.github_token(attempt.user_id)
        if request.refresh:
            await self._check_token(token)
        return pb.LendCredentialResponse(username=_GIT_USERNAME, password=token)

    async def OpenPullRequest(self, request: pb.OpenPullRequestRequest, context: Context) -> pb.OpenPullRequestResponse:
        attempt = self._leased(request.session_id, request.attempt)
        if not 1 <= len(request.title) <= 256:
            raise Invalid(f"title has {len(request.title)} characters; it must have 1 to 256")
        if len(request.body.encode()) > _BODY_BYTES:
            raise Invalid(f"body has {len(request.body.encode())} bytes; the most is {_BODY_BYTES}")
        task, project = await self._task_and_project(attempt.task_id)
        proposal = Proposal(
            repository=project.repository,
            head=task.branch,
            base=project.default_branch,
            title=request.title,
            body=request.body,
        )
        token = await self._rights.github_token(attempt.user_id)
        try:
            opened = await self._github.open_pull_request(token, proposal)
        except TokenRefused as exc:
            raise _refused(exc) from exc
        holder = incoming.holder(request.attempt, attempt.runner_id)
        await self._writer.write(lambda tx: records.note_pull_request(tx, holder, url=opened.url, number=opened.number))
        return pb.OpenPullRequestResponse(url=opened.url, number=opened.number)

    def _session(self, session_id: str) -> RunnerSession:
        return self._sessions.current(runner_id(), session_id)

    def _at_work(self, session_id: str, ref: runner_pb2.AttemptRef) -> Attempt:
        """The session's attempt that may act. Raises Conflict: LEASE_SUPERSEDED, or WRONG_STATE where it only is
        offered or is being stopped."""
        holder = incoming.holder(ref, self._session(session_id).runner_id)
        attempt = self._board.held(holder)
        if attempt is None:
            raise turns.superseded(holder)
        if attempt.phase not in AT_WORK:
            raise Conflict(f"attempt {attempt.attempt_id} is {attempt.phase}; it may not act")
        return attempt

    def _leased(self, session_id: str, ref: runner_pb2.AttemptRef) -> Attempt:
        """The same under a lease that was renewed lately. Raises Unavailable where it was not."""
        attempt = self._at_work(session_id, ref)
        if not self._board.lease_renewed(attempt.attempt_id):
            raise Unavailable(f"the lease of attempt {attempt.attempt_id} was not renewed lately; beat, then try again")
        return attempt

    async def _accept(self, holder: Holder) -> None:
        await self._writer.write(lambda tx: turns.accept(tx, holder, self._durations))

    async def _finish(self, holder: Holder, outcome: runner_pb2.AttemptOutcome) -> None:
        end = incoming.attempt_end(outcome)
        await self._writer.write(lambda tx: turns.finish(tx, holder, end))

    async def _store(self, batch: pb.AttemptBatch, session: RunnerSession) -> pb.AttemptAck:
        """The ack of one attempt's events, given after they are on disk. A refusal of theirs is part of it."""
        holder = incoming.holder(batch.attempt, session.runner_id)
        try:
            events = incoming.events(batch)
            acked = await self._writer.write(
                lambda tx: records.store_events(tx, holder, events), size_bytes=batch.ByteSize()
            )
        except (Conflict, Invalid) as exc:
            stored = await self._reader.one(attempts.by_id(holder.attempt_id))
            return pb.AttemptAck(
                attempt_id=holder.attempt_id,
                acked_sequence=stored.acked_sequence if stored and stored.runner_id == session.runner_id else 0,
                error_reason=exc.reason,
                error_message=exc.message,
            )
        return pb.AttemptAck(attempt_id=holder.attempt_id, acked_sequence=acked)

    def _pass_on(self, deltas: Sequence[Delta], session: RunnerSession) -> None:
        """To the watchers of tasks that this runner works on, before anything that covers them is stored."""
        for delta in deltas:
            attempt = self._board.of_task(delta.task_id)
            size = delta.ByteSize()
            if attempt is not None and attempt.runner_id == session.runner_id and size <= _DELTA_BYTES:
                self._hub.delta(attempt.user_id, attempt.task_id, delta, size)

    async def _check_token(self, token: str) -> None:
        try:
            await self._github.account(token)
        except TokenRefused as exc:
            raise _refused(exc) from exc

    async def _task_and_project(self, task_id: str) -> tuple[Task, Project]:
        task = await self._reader.one(tasks.by_id(task_id))
        assert task is not None  # foreign key
        project = await self._reader.one(projects.by_id(task.project_id))
        assert project is not None  # foreign key
        return task, project


async def _results(holders: Sequence[Holder], work: Sequence[Awaitable[None]]) -> list[runner_pb2.ItemResult]:
    """One result for each, in order. Only refusals of the item are results; anything else fails the call."""
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    return [_result(holder, outcome) for holder, outcome in zip(holders, outcomes, strict=True)]


def _result(holder: Holder, outcome: BaseException | None) -> runner_pb2.ItemResult:
    if outcome is None:
        return runner_pb2.ItemResult(attempt_id=holder.attempt_id)
    if not isinstance(outcome, Conflict | Invalid):
        raise outcome
    return runner_pb2.ItemResult(
        attempt_id=holder.attempt_id, error_reason=outcome.reason, error_message=outcome.message
    )


def _verdict(holder: Holder, verdict: Held) -> runner_pb2.AttemptVerdict:
    return runner_pb2.AttemptVerdict(
        attempt=runner_pb2.AttemptRef(attempt_id=holder.attempt_id, fence=holder.fence), verdict=_VERDICTS[verdict]
    )


def _refused(error: ErrandError) -> Denied:
    """To a runner, a user's refused token is a missing right: its own credential is good."""
    return Denied(error.message, reason="NO_PUSH_RIGHT")


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise Invalid(f"the call names {count} attempts; the most is {most}")
