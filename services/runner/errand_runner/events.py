"""The outbox's contents on their way up: one bidirectional stream, batches of many attempts, cumulative acks."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import grpc
import structlog

from errand.v1.dispatch_service_pb2 import AttemptAck, StreamEventsRequest, StreamEventsResponse
from errand_common import rpc, wire
from errand_common.errors import ErrandError, Internal, Invalid, Unimplemented
from errand_common.tasks import until_one_ends
from errand_runner.batches import Batches
from errand_runner.bisection import Suspicion
from errand_runner.deltas import Deltas
from errand_runner.dispatch import Dispatch
from errand_runner.outbox import Outbox
from errand_runner.refusals import Refusals
from errand_runner.uploads import Uploads

WINDOW = 4
"""Batches that may be under way without an ack (ARCHITECTURE.md, Bounds)."""

LARGE_BYTES = 64 * 1024
"""Behind a smaller request the next one waits for its answer, and grows meanwhile: requests cost, not events."""

DELTA_PAUSE_S = 0.05
"""Transient pieces alone are sent at most so often: messages cost, not events. No event waits for it."""

DELTA_BYTES = 256 * 1024
"""Transient text that one batch carries beside its events."""

LONGEST_PACE_S = 10.0
"""The longest pause between two batches that is obeyed: a runner that says nothing for long looks dead."""

_Call: TypeAlias = "grpc.aio.StreamStreamCall[StreamEventsRequest, StreamEventsResponse]"


class EventStream:
    """Sends one session's events until the stream ends or breaks."""

    def __init__(
        self,
        dispatch: Dispatch,
        *,
        session_id: str,
        outbox: Outbox,
        deltas: Deltas,
        suspicion: Suspicion,
        on_superseded: Callable[[str], None],
        on_taken: Callable[[], None],
        delta_pause_s: float = DELTA_PAUSE_S,
    ) -> None:
        """`suspicion` outlives the stream; `on_taken` hears each time that events were stored."""
        self._on_taken = on_taken
        self._dispatch, self._session_id = dispatch, session_id
        self._outbox, self._deltas, self._suspicion = outbox, deltas, suspicion
        self._uploads = Uploads(dispatch, session_id=session_id, outbox=outbox, on_refused=self._on_blob_refused)
        self._batches = Batches(outbox, self._uploads)
        self._refusals = Refusals(
            strikes=suspicion.refusals,
            chance=dispatch.chance,
            on_superseded=on_superseded,
            on_blob_missing=self._uploads.put_again,
            on_rested=outbox.changed.set,
        )
        self._batch_number = 0
        self._unanswered = 0
        self._last_was_large = False
        self._kinds = deque([self._next_ordinary, self._next_trial])
        self._pace_s = 0.0
        self._delta_pause_s = delta_pause_s
        self._delta_pause: asyncio.TimerHandle | None = None
        self._on_trial = False

    async def run(self) -> None:
        """Raises ErrandError when the stream breaks; Unimplemented is final. What was not acknowledged is sent again
        by the next one."""
        try:
            with rpc.renamed_errors():
                call = self._dispatch.stub.StreamEvents(metadata=self._dispatch.metadata)
                try:
                    await until_one_ends(self._read_acks(call), self._write_batches(call), self._uploads.run())
                finally:
                    call.cancel()
        except ErrandError as exc:
            if _blames_the_events(exc):
                self._look_for_culprit(exc)
            raise
        finally:
            self._refusals.close()
            if self._delta_pause is not None:
                self._delta_pause.cancel()

    async def _write_batches(self, call: _Call) -> None:
        self._outbox.changed.set()
        while True:
            await self._outbox.changed.wait()
            self._outbox.changed.clear()
            while (request := self._next_request()) is not None:
                self._unanswered += 1
                self._last_was_large = request.ByteSize() >= LARGE_BYTES
                try:
                    await call.write(request)
                except asyncio.InvalidStateError:
                    # The stream has ended; the reader learns how, and ends this too.
                    await asyncio.get_running_loop().create_future()
                await asyncio.sleep(self._pace_s)

    async def _read_acks(self, call: _Call) -> None:
        async for response in _responses(call):
            self._unanswered -= 1
            self._pace_s = min(wire.seconds(response.directives.pace), LONGEST_PACE_S)
            for ack in response.acks:
                self._on_ack(ack)
            if self._unanswered == 0:
                self._send_unanswered_again()
            self._on_trial = False
            self._outbox.changed.set()
            self._dispatch.on_directives(response.directives)

    def _on_ack(self, ack: AttemptAck) -> None:
        log = self._outbox.logs.get(ack.attempt_id)
        if log is None:
            return
        if ack.acked_sequence > log.acked_sequence:
            self._on_taken()
        log.ack(ack.acked_sequence)
        if ack.error_reason:
            self._suspicion.clear(ack.attempt_id)
            self._refusals.take(log, ack.error_reason, ack.error_message, acked_sequence=ack.acked_sequence)
            self._batches.rewind(log)
        else:
            self._refusals.passed(ack.attempt_id)

    def _send_unanswered_again(self) -> None:
        """What was sent, of which no answer said anything, was lost on the way."""
        for attempt_id in self._batches.in_flight():
            log = self._outbox.logs[attempt_id]
            self._suspicion.clear(attempt_id)
            self._refusals.take(log, "EVENT_GAP", "")
            self._batches.rewind(log)

    def _on_blob_refused(self, attempt_id: str, error: ErrandError) -> None:
        self._suspicion.clear(attempt_id)
        if (log := self._outbox.logs.get(attempt_id)) is not None:
            self._refusals.take(log, error.reason, error.message)

    def _next_request(self) -> StreamEventsRequest | None:
        """What may go now. While something is suspected one request goes at a time, in turns with what is not."""
        # Before it is asked who may go: after a trial nobody but its answer wakes those who came through.
        self._suspicion.acquit(self._unsafe())
        several = self._last_was_large and not self._suspicion.active
        if self._unanswered >= (WINDOW if several else 1):
            return None
        for _ in range(len(self._kinds)):
            kind = self._kinds[0]
            self._kinds.rotate()
            if (request := kind()) is not None:
                self._batch_number += 1
                request.session_id, request.batch_number = self._session_id, self._batch_number
                return request
        return None

    def _next_ordinary(self) -> StreamEventsRequest | None:
        batches = self._batches.next([each for each in self._outbox.logs if self._may_go(each)])
        if not batches and self._delta_pause is not None:
            return None
        deltas = self._deltas.take(limit_bytes=DELTA_BYTES)
        if not batches and deltas:
            self._delta_pause = asyncio.get_running_loop().call_later(self._delta_pause_s, self._end_delta_pause)
        return StreamEventsRequest(batches=batches, deltas=deltas) if batches or deltas else None

    def _end_delta_pause(self) -> None:
        self._delta_pause = None
        self._outbox.changed.set()

    def _may_go(self, attempt_id: str) -> bool:
        return not (self._refusals.rests(attempt_id) or self._suspicion.suspects(attempt_id))

    def _next_trial(self) -> StreamEventsRequest | None:
        if not self._suspicion.active:
            return None
        batches = self._batches.trial(self._suspicion.trial(self._unsafe()))
        self._on_trial = bool(batches)
        return StreamEventsRequest(batches=batches) if batches else None

    def _unsafe(self) -> dict[str, int]:
        """How far each attempt is acknowledged that still has something to tell, where that is asked for."""
        if not self._suspicion.active:
            return {}
        return {each: log.acked_sequence for each, log in self._outbox.logs.items() if log.unsafe}

    def _look_for_culprit(self, error: ErrandError) -> None:
        in_flight = self._batches.in_flight()
        if not self._on_trial:
            self._suspicion.note_break(in_flight)
        elif (culprit := self._suspicion.note_trial_broke(in_flight)) is not None:
            structlog.get_logger().error("poison_found", attempt_id=culprit, error=error.message)
            self._outbox.logs[culprit].refuse(f"one of its events breaks the stream: {error.message}")


def _blames_the_events(error: ErrandError) -> bool:
    """Whether a stream may have broken of what was sent on it, and not of the line or of what the scheduler lacks."""
    return isinstance(error, Internal | Invalid) and not isinstance(error, Unimplemented)


async def _responses(call: _Call) -> AsyncIterator[StreamEventsResponse]:
    """The answers, by read(): an iterator and write() cannot be mixed on one call."""
    while True:
        response = await call.read()
        if not isinstance(response, StreamEventsResponse):
            return
        yield response
