"""The outbox's contents on their way up: one bidirectional stream, batches of many attempts, cumulative acks."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import grpc
import structlog

from errand.v1.dispatch_service_pb2 import AttemptAck, AttemptBatch, StreamEventsRequest, StreamEventsResponse
from errand.v1.event_pb2 import Delta
from errand.v1.runner_pb2 import AttemptEvent, AttemptRef
from errand_common import rpc
from errand_common.tasks import until_one_ends
from errand_runner.dispatch import Dispatch
from errand_runner.outbox import Outbox

BATCH_BYTES = 1024 * 1024
"""The largest batch (ARCHITECTURE.md, Bounds)."""

WINDOW = 4
"""Batches that may be under way without an ack (ARCHITECTURE.md, Bounds)."""

DELTA_CHARACTERS = 16 * 1024 // 4
"""The largest piece of transient text, whatever its characters weigh (contract: Delta.text)."""

DELTA_PAUSE_S = 0.05
"""Transient pieces alone are sent at most so often: messages cost, not events."""

DELTA_LIMIT = 1000
"""Transient pieces that may wait; the oldest fall out, since a durable event covers them later."""


_Call: TypeAlias = "grpc.aio.StreamStreamCall[StreamEventsRequest, StreamEventsResponse]"


class Deltas:
    """Transient pieces that wait for the sender; neighbours of one subject are joined."""

    def __init__(self, changed: asyncio.Event) -> None:
        self._waiting: deque[Delta] = deque(maxlen=DELTA_LIMIT)
        self._changed = changed

    def add(self, delta: Delta) -> None:
        """Hand over a piece. Never waits."""
        last = self._waiting[-1] if self._waiting else None
        joined = last is not None and (last.subject_id, last.kind) == (delta.subject_id, delta.kind)
        if last is not None and joined and len(last.text) + len(delta.text) <= DELTA_CHARACTERS:
            last.text += delta.text
        else:
            self._waiting.append(delta)
        self._changed.set()

    def take(self) -> list[Delta]:
        """All that waits."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


class EventStream:
    """Sends one session's events until the stream ends or breaks."""

    def __init__(
        self,
        dispatch: Dispatch,
        *,
        session_id: str,
        outbox: Outbox,
        deltas: Deltas,
        on_superseded: Callable[[str], None],
    ) -> None:
        self._dispatch, self._session_id = dispatch, session_id
        self._outbox, self._deltas, self._on_superseded = outbox, deltas, on_superseded
        self._sent: dict[str, int] = {}
        self._window = asyncio.Semaphore(WINDOW)
        self._batch_number = 0

    async def run(self) -> None:
        """Raises ErrandError when the stream breaks. What was not acknowledged is sent again by the next one."""
        with rpc.renamed_errors():
            call = self._dispatch.stub.StreamEvents(metadata=self._dispatch.metadata)
            try:
                await until_one_ends(self._read_acks(call), self._write_batches(call))
            finally:
                call.cancel()

    async def _write_batches(self, call: _Call) -> None:
        self._outbox.changed.set()
        while True:
            await self._outbox.changed.wait()
            self._outbox.changed.clear()
            while (request := self._next_batch()) is not None:
                await self._window.acquire()
                try:
                    await call.write(request)
                except asyncio.InvalidStateError:
                    # The stream has ended; the reader learns how, and ends this too.
                    await asyncio.get_running_loop().create_future()
                if not request.batches:
                    await asyncio.sleep(DELTA_PAUSE_S)

    async def _read_acks(self, call: _Call) -> None:
        async for response in _responses(call):
            self._window.release()
            for ack in response.acks:
                self._on_ack(ack)

    def _on_ack(self, ack: AttemptAck) -> None:
        log = self._outbox.logs.get(ack.attempt_id)
        if log is None:
            return
        log.ack(ack.acked_sequence)
        match ack.error_reason:
            case "":
                return
            case "LEASE_SUPERSEDED":
                self._on_superseded(ack.attempt_id)
            case "EVENT_GAP":
                self._sent[ack.attempt_id] = log.acked_sequence
                self._outbox.changed.set()
            case reason:
                structlog.get_logger().error("events_refused", attempt_id=ack.attempt_id, reason=reason)
                log.refuse(ack.error_message)

    def _next_batch(self) -> StreamEventsRequest | None:
        batches: list[AttemptBatch] = []
        room = BATCH_BYTES
        for log in list(self._outbox.logs.values()):
            sent = max(self._sent.get(log.attempt_id, 0), log.acked_sequence)
            records = log.after(sent, limit_bytes=room) if room > 0 else []
            if records:
                ref = AttemptRef(attempt_id=log.attempt_id, fence=log.fence)
                events = [AttemptEvent.FromString(record) for record in records]
                batches.append(AttemptBatch(attempt=ref, events=events))
                self._sent[log.attempt_id] = sent + len(records)
                room -= sum(map(len, records))
        deltas = self._deltas.take()
        if not batches and not deltas:
            return None
        self._batch_number += 1
        return StreamEventsRequest(
            session_id=self._session_id, batch_number=self._batch_number, batches=batches, deltas=deltas
        )


async def _responses(call: _Call) -> AsyncIterator[StreamEventsResponse]:
    """The answers, by read(): an iterator and write() cannot be mixed on one call."""
    while True:
        response = await call.read()
        if not isinstance(response, StreamEventsResponse):
            return
        yield response
