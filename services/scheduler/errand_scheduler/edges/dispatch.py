"""DispatchService: what runners ask."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import structlog

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import runner_pb2
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceServicer
from errand_common.clock import Clock
from errand_common.errors import Conflict, Invalid, Unavailable
from errand_common.values import AttemptPhase
from errand_common.wire import duration
from errand_scheduler.access.callers import runner_id
from errand_scheduler.access.lending import Lending
from errand_scheduler.access.project_secrets import ProjectSecrets
from errand_scheduler.access.rights import PushRights
from errand_scheduler.board import Board
from errand_scheduler.durations import Durations
from errand_scheduler.edges import incoming, outcomes
from errand_scheduler.edges.arrivals import Arrivals
from errand_scheduler.edges.assignments import assignments
from errand_scheduler.edges.blobs import Blobs
from errand_scheduler.edges.directives import Directing, verdict
from errand_scheduler.edges.drawing import Drawing
from errand_scheduler.edges.each import written
from errand_scheduler.edges.events import EventsIn
from errand_scheduler.edges.leaving import Leaving
from errand_scheduler.edges.pull_request import PullRequests
from errand_scheduler.edges.transcript import transcript
from errand_scheduler.hosts_told import host_told
from errand_scheduler.lifecycle import records, turns
from errand_scheduler.lifecycle.decisions import AT_WORK, Held
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.placing.placer import Placer
from errand_scheduler.runners import RunnerSession, RunnerSessions
from errand_scheduler.store import projects
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.projects import Project
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.writer import Write, Writer

Context = grpc.aio.ServicerContext[Any, Any]
log = structlog.get_logger()


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
        arrivals: Arrivals,
        directives: Directing,
        events: EventsIn,
        blobs: Blobs,
        rights: PushRights,
        lending: Lending,
        secrets: ProjectSecrets,
        pull_requests: PullRequests,
        drawing: Drawing,
        leaving: Leaving,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._durations = durations
        self._board = board
        self._sessions = sessions
        self._placer = placer
        self._arrivals = arrivals
        self._directives = directives
        self._events = events
        self._blobs = blobs
        self._rights = rights
        self._lending = lending
        self._secrets = secrets
        self._pull_requests = pull_requests
        self._drawing = drawing
        self._leaving = leaving

    async def OpenSession(self, request: pb.OpenSessionRequest, context: Context) -> pb.OpenSessionResponse:
        return await self._arrivals.open(runner_id(), request)

    async def WatchAssignments(
        self, request: pb.WatchAssignmentsRequest, context: Context
    ) -> AsyncIterator[pb.WatchAssignmentsResponse]:
        session = self._session(request.session_id)
        with self._sessions.watched(session):
            self._placer.wake()
            async for change in assignments(self._reader, self._clock, session, draws_money=self._drawing.limited):
                yield change

    async def AcceptAttempts(self, request: pb.AcceptAttemptsRequest, context: Context) -> pb.AcceptAttemptsResponse:
        session = self._session(request.session_id)
        _check_count(len(request.attempts), 100)
        holders = [incoming.holder(ref, session.runner_id) for ref in request.attempts]
        accepted = await written(self._writer, holders, self._accept, urgent=True)
        results = _results(holders, accepted)
        return pb.AcceptAttemptsResponse(results=results, directives=self._directives(session))

    async def Heartbeat(self, request: pb.HeartbeatRequest, context: Context) -> pb.HeartbeatResponse:
        session = self._session(request.session_id)
        _check_count(len(request.attempts), 1000)
        if self._sessions.heard(session):
            self._placer.wake()
        if request.HasField("host"):
            session.host = host_told(request.host, now_us=self._clock.now_us())
            self._sessions.skew.note(session.runner_id, session.host.clock_offset_s)
        holders = [incoming.holder(ref, session.runner_id) for ref in request.attempts]
        over = [holder for holder in holders if self._board.renew(holder) is Held.FORGET]
        directives = self._directives(session)
        directives.verdicts.extend(verdict(holder, Held.FORGET) for holder in over)
        return pb.HeartbeatResponse(directives=directives)

    def StreamEvents(
        self, request_iterator: AsyncIterator[pb.StreamEventsRequest], context: Context
    ) -> AsyncIterator[pb.StreamEventsResponse]:
        return self._events.stream(request_iterator)

    async def PutBlob(self, request_iterator: AsyncIterator[pb.PutBlobRequest], context: Context) -> pb.PutBlobResponse:
        return await self._blobs.put(request_iterator)

    async def FinishAttempts(self, request: pb.FinishAttemptsRequest, context: Context) -> pb.FinishAttemptsResponse:
        session = self._session(request.session_id)
        _check_count(len(request.outcomes), 100)
        holders = [incoming.holder(outcome.attempt, session.runner_id) for outcome in request.outcomes]
        ends = zip(holders, request.outcomes, strict=True)
        finished = await written(self._writer, ends, self._finish, urgent=True)
        results = _results(holders, finished)
        return pb.FinishAttemptsResponse(results=results, directives=self._directives(session))

    async def GetTranscript(
        self, request: pb.GetTranscriptRequest, context: Context
    ) -> AsyncIterator[pb.GetTranscriptResponse]:
        attempt = self._at_work(request.session_id, request.attempt)
        await self._drawing.take_up(incoming.holder(request.attempt, attempt.runner_id))
        async for piece in transcript(self._reader, self._blobs, attempt, now_us=self._clock.now_us()):
            yield piece

    async def LendCredential(self, request: pb.LendCredentialRequest, context: Context) -> pb.LendCredentialResponse:
        # For the last checkpoint of one that is being stopped; of what else there is it needs nothing any more.
        phases = AT_WORK if request.repository else (*AT_WORK, AttemptPhase.STOPPING)
        attempt = self._leased(request.session_id, request.attempt, phases)
        project = await self._project_of(attempt)
        lent = await self._lending.lend(
            attempt,
            project,
            refused_lent_id=request.refused_lent_id,
            refused_last=request.refresh,
            repository=request.repository,
        )
        await self._tell_limits(attempt, project)
        return pb.LendCredentialResponse(
            username=lent.username,
            password=lent.password,
            lent_id=lent.lent_id,
            expire_duration=None if lent.expire_s is None else duration(lent.expire_s),
        )

    async def LendSecrets(self, request: pb.LendSecretsRequest, context: Context) -> pb.LendSecretsResponse:
        attempt = self._leased(request.session_id, request.attempt)
        project = await self._project_of(attempt)
        return pb.LendSecretsResponse(
            secrets=[
                pb.LentSecret(
                    name=each.name, value=each.value, agent_may_read=each.agent_may_read, secret_id=each.secret_id
                )
                for each in await self._secrets.lend(attempt, project)
            ]
        )

    async def DrawMoney(self, request: pb.DrawMoneyRequest, context: Context) -> pb.DrawMoneyResponse:
        attempt = self._leased(request.session_id, request.attempt)
        return await self._drawing.draw(incoming.holder(request.attempt, attempt.runner_id), request)

    async def OpenPullRequest(self, request: pb.OpenPullRequestRequest, context: Context) -> pb.OpenPullRequestResponse:
        attempt = self._leased(request.session_id, request.attempt)
        return await self._pull_requests.open(attempt, incoming.holder(request.attempt, attempt.runner_id), request)

    async def Leave(self, request: pb.LeaveRequest, context: Context) -> pb.LeaveResponse:
        return await self._leaving.leave(runner_id(), request)

    def _session(self, session_id: str) -> RunnerSession:
        return self._sessions.current(runner_id(), session_id)

    def _at_work(
        self, session_id: str, ref: runner_pb2.AttemptRef, phases: Sequence[AttemptPhase] = AT_WORK
    ) -> Attempt:
        """The session's attempt that may act, in one of these phases. Raises Conflict: LEASE_SUPERSEDED, or WRONG_STATE
        in another, such as where it only is offered."""
        holder = incoming.holder(ref, self._session(session_id).runner_id)
        attempt = self._board.held(holder)
        if attempt is None:
            raise turns.superseded(holder)
        if attempt.phase not in phases:
            raise Conflict(f"attempt {attempt.attempt_id} is {attempt.phase}; it may not act")
        return attempt

    def _leased(self, session_id: str, ref: runner_pb2.AttemptRef, phases: Sequence[AttemptPhase] = AT_WORK) -> Attempt:
        """The same under a lease that was renewed lately. Raises Unavailable where it was not."""
        attempt = self._at_work(session_id, ref, phases)
        if not self._board.lease_renewed(attempt.attempt_id):
            raise Unavailable(f"the lease of attempt {attempt.attempt_id} was not renewed lately; beat, then try again")
        return attempt

    def _accept(self, holder: Holder) -> Write[None]:
        return Write(lambda tx: turns.accept(tx, holder, self._durations))

    def _finish(self, told: tuple[Holder, runner_pb2.AttemptOutcome]) -> Write[None]:
        holder, outcome = told
        end = outcomes.attempt_end(outcome)
        return Write(lambda tx: turns.finish(tx, holder, end, self._durations))

    async def _tell_limits(self, attempt: Attempt, project: Project) -> None:
        """Before the work starts: a runner borrows first."""
        if limits := self._rights.limits(attempt.user_id, project.project_id):
            await self._writer.write(lambda tx: records.note_push_limits(tx, attempt, summary=limits))

    async def _project_of(self, attempt: Attempt) -> Project:
        project = await self._reader.one(projects.of_task(attempt.task_id))
        assert project is not None  # foreign key
        return project


def _results(holders: Sequence[Holder], outcomes: Sequence[Exception | None]) -> list[runner_pb2.ItemResult]:
    """One result for each, in order. Only refusals of the item are results; anything else fails the call."""
    return [_result(holder, outcome) for holder, outcome in zip(holders, outcomes, strict=True)]


def _result(holder: Holder, outcome: Exception | None) -> runner_pb2.ItemResult:
    if outcome is None:
        return runner_pb2.ItemResult(attempt_id=holder.attempt_id)
    if not isinstance(outcome, Conflict | Invalid):
        raise outcome
    return runner_pb2.ItemResult(
        attempt_id=holder.attempt_id, error_reason=outcome.reason, error_message=outcome.message
    )


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise Invalid(f"the call names {count} attempts; the most is {most}")
