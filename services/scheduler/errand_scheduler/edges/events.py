"""What runners tell: the stream of their attempts' events, and the acks."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing

import structlog

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1.event_pb2 import Delta
from errand.v1.runner_pb2 import Directives
from errand_common.errors import Conflict, ErrandError, Internal, Invalid, Unavailable
from errand_scheduler.access.callers import runner_id
from errand_scheduler.board import Board
from errand_scheduler.durations import Durations
from errand_scheduler.edges import incoming
from errand_scheduler.edges.each import written
from errand_scheduler.edges.window import answered
from errand_scheduler.lifecycle import records
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.runners import RunnerSession, RunnerSessions
from errand_scheduler.store import attempts
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.writer import Write, Writer
from errand_scheduler.watching.hub import Hub

log = structlog.get_logger()

_WINDOW = 4  # requests of a stream that are taken and not yet answered
_BATCHES = 1000
_DELTA_BYTES = 17 * 1024  # a delta's text and the little beside it; a larger one is dropped, as any delta may be


class EventsIn:
    """Takes in the events of a runner's attempts. `directives` says what a session's runner is to be told beside."""

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Writer,
        board: Board,
        sessions: RunnerSessions,
        durations: Durations,
        hub: Hub,
        directives: Callable[[RunnerSession], Directives],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._board = board
        self._sessions = sessions
        self._durations = durations
        self._hub = hub
        self._directives = directives

    async def stream(
        self, requests: AsyncIterator[pb.StreamEventsRequest]
    ) -> AsyncGenerator[pb.StreamEventsResponse, None]:
        """The acks in the order of the requests, each given once what it names is on disk.

        While some wait for the disk the next are taken: one sync serves them all.
        """
        stopped = self._sessions.stopped
        async with aclosing(answered(requests, self._answer, window=_WINDOW, stopped=stopped)) as answers:
            async for answer in answers:
                yield answer
        if stopped.is_set():
            raise Unavailable("the scheduler is stopping; stream again")

    async def _answer(self, request: pb.StreamEventsRequest) -> pb.StreamEventsResponse:
        session = self._sessions.current(runner_id(), request.session_id)
        if len(request.batches) > _BATCHES:
            raise Invalid(f"a request has events of {len(request.batches)} attempts; the most is {_BATCHES}")
        self._pass_on(request.deltas, session)
        acks = await self._store(request.batches, session)
        return pb.StreamEventsResponse(
            batch_number=request.batch_number, acks=acks, directives=self._directives(session)
        )

    async def _store(self, batches: Sequence[pb.AttemptBatch], session: RunnerSession) -> list[pb.AttemptAck]:
        """The acks of the attempts' events, given after they are on disk. What is wrong with one's is part of its ack,
        a bug too: the other attempts' go on. What is wrong with the scheduler fails the stream."""

        def write(batch: pb.AttemptBatch) -> Write[int]:
            holder, events = incoming.holder(batch.attempt, session.runner_id), incoming.events(batch)
            return Write(lambda tx: records.store_events(tx, holder, events, self._durations), batch.ByteSize())

        stored = await written(self._writer, batches, write)
        return [await self._ack(batch, outcome, session) for batch, outcome in zip(batches, stored, strict=True)]

    async def _ack(self, batch: pb.AttemptBatch, outcome: int | Exception, session: RunnerSession) -> pb.AttemptAck:
        holder = incoming.holder(batch.attempt, session.runner_id)
        match outcome:
            case Conflict() | Invalid():
                return await self._refusal(holder, outcome)
            case ErrandError():
                raise outcome
            case Exception():
                log.error("events_not_stored", attempt_id=holder.attempt_id, exc_info=outcome)
                return await self._refusal(holder, _bug())
        if batch.events:
            self._sessions.tellers.told(holder.attempt_id, session.arrival.nonce)
        return pb.AttemptAck(attempt_id=holder.attempt_id, acked_sequence=outcome)

    async def _refusal(self, holder: Holder, error: ErrandError) -> pb.AttemptAck:
        stored = await self._reader.one(attempts.by_id(holder.attempt_id))
        return pb.AttemptAck(
            attempt_id=holder.attempt_id,
            acked_sequence=stored.acked_sequence if stored and stored.runner_id == holder.runner_id else 0,
            error_reason=error.reason,
            error_message=error.message,
        )

    def _pass_on(self, deltas: Sequence[Delta], session: RunnerSession) -> None:
        """To the watchers of tasks that this runner works on, before anything that covers them is stored."""
        for delta in deltas:
            attempt = self._board.of_task(delta.task_id)
            size = delta.ByteSize()
            if attempt is not None and attempt.runner_id == session.runner_id and size <= _DELTA_BYTES:
                self._hub.delta(attempt.user_id, attempt.task_id, delta, size)


def _bug() -> Internal:
    request_id = structlog.contextvars.get_contextvars().get("request_id", "of this stream")
    return Internal(
        f"something broke inside the scheduler while it stored these events; its log has the cause under request id"
        f" {request_id}"
    )
