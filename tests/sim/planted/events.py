"""Planted in the way of events, from the runner's disk to the scheduler's."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from errand.v1 import dispatch_service_pb2 as pb
from errand_runner.batches import Batches
from errand_runner.inputs import Inbox
from errand_runner.outbox import Disk
from errand_runner.outbox.log import Log
from errand_scheduler.edges import incoming
from errand_scheduler.edges.events import EventsIn
from errand_scheduler.lifecycle import records, turns
from tests.sim.planted.planting import Undo, all_of, bug, put

# Also what a module only imports is its own to look up.
_RECORDS: Any = records


@bug
def _ack_before_commit() -> Undo:
    async def store(self: Any, batches: Sequence[pb.AttemptBatch], session: Any) -> list[pb.AttemptAck]:
        return [store_one(self, batch, session) for batch in batches]

    def store_one(self: Any, batch: pb.AttemptBatch, session: Any) -> pb.AttemptAck:
        holder, events = incoming.holder(batch.attempt, session.runner_id), incoming.events(batch)
        writing = self._writer.write(lambda tx: records.store_events(tx, holder, events, self._durations))
        asyncio.ensure_future(writing).add_done_callback(lambda done: done.cancelled() or done.exception())
        return pb.AttemptAck(attempt_id=holder.attempt_id, acked_sequence=events[-1].sequence)

    return put(EventsIn, _store=store)


@bug
def _outbox_tells_before_the_sync() -> Undo:
    def append(self: Disk, descriptor: int, offset: int, data: bytes) -> None:
        os.pwrite(descriptor, data, offset)

    return put(Disk, append=append)


@bug
def _gap_accepted() -> Undo:
    """Both ends trust that nothing is missing: the one forgets to send again, the other to look."""
    real = records.store_events

    def store_events(tx: Any, holder: Any, batch: Any, durations: Any) -> int:
        acked = _RECORDS.load(tx, holder).acked_sequence
        new = [event for event in batch if event.sequence > acked]
        if new and new[0].sequence > acked + 1:
            _RECORDS.attempts.set_acked(tx, holder.attempt_id, new[0].sequence - 1)
        return real(tx, holder, batch, durations)

    def skip(self: Batches, log: Log) -> None:
        self._sent[log.attempt_id] = log.acked_sequence + 1

    edge, runner = put(records, store_events=store_events), put(Batches, rewind=skip)
    first = _skipping_first()
    return all_of(edge, runner, first)


def _skipping_first() -> Undo:
    real = Batches._unsent

    def unsent(self: Batches, log: Log, last: int, *, limit_bytes: int) -> Any:
        found = real(self, log, last, limit_bytes=limit_bytes)
        return found[1:] if len(found) > 2 else found

    return put(Batches, _unsent=unsent)


@bug
def _overlap_stored_twice() -> Undo:
    """What was stored and comes again is stored again."""
    real = _RECORDS.events.append_all

    def store_events(tx: Any, holder: Any, batch: Any, durations: Any) -> int:
        attempt = _RECORDS.load(tx, holder)
        again = [event for event in batch if event.sequence <= attempt.acked_sequence]
        if again and not attempt.phase.final:
            real(tx, attempt, again)
        return stored(tx, holder, batch, durations)

    stored = records.store_events
    return put(records, store_events=store_events)


@bug
def _finish_before_the_last_event() -> Undo:
    async def drained(self: Log) -> None:
        """At once."""

    real = turns.finish

    def finish(tx: Any, holder: Any, end: Any, durations: Any) -> None:
        real(tx, holder, replace(end, last_sequence=0), durations)

    log, edge = put(Log, drained=drained), put(turns, finish=finish)
    return all_of(log, edge)


@bug
def _inputs_taken_twice() -> Undo:
    return put(Inbox, _take=lambda self, chosen: chosen)
