"""The next batch of events to send: of many attempts, each in turn, from where it was left."""

import sys
from collections.abc import Mapping, Sequence
from itertools import takewhile

from errand.v1.dispatch_service_pb2 import AttemptBatch
from errand.v1.runner_pb2 import AttemptEvent, AttemptRef
from errand_common.encoded import Part
from errand_runner.bisection import Span
from errand_runner.outbox import Log, Outbox, Record
from errand_runner.uploads import Uploads

BATCH_BYTES = 1024 * 1024
"""The largest batch (ARCHITECTURE.md, Bounds)."""

ATTEMPTS = 1000
"""How many attempts a batch names at most."""

_EVENT = Part(AttemptBatch, "events")
_ALL = sys.maxsize
_SHARE_BYTES = BATCH_BYTES // 4  # of one attempt among several: none waits behind another's flood


class Batches:
    """How far each attempt's events were sent on one stream."""

    def __init__(self, outbox: Outbox, uploads: Uploads) -> None:
        self._outbox, self._uploads = outbox, uploads
        self._sent: dict[str, int] = {}
        self._last_served = ""

    def next(self, attempt_ids: Sequence[str]) -> list[AttemptBatch]:
        """Events of these attempts that were not sent yet; none where there are none."""
        turn = attempt_ids.index(self._last_served) + 1 if self._last_served in attempt_ids else 0
        batches = self._collect(dict.fromkeys([*attempt_ids[turn:], *attempt_ids[:turn]], _ALL))
        if batches:
            self._last_served = batches[-1].attempt.attempt_id
        return batches

    def trial(self, lasts: Mapping[str, int]) -> list[AttemptBatch]:
        """Events of these attempts that were not sent yet, up to a number for each."""
        return self._collect(lasts)

    def rewind(self, log: Log) -> None:
        """Send again what is not acknowledged."""
        self._sent[log.attempt_id] = log.acked_sequence

    def in_flight(self) -> dict[str, Span]:
        """What was sent and is not acknowledged."""
        logs = self._outbox.logs
        self._sent = {attempt_id: sent for attempt_id, sent in self._sent.items() if attempt_id in logs}
        return {
            attempt_id: Span(logs[attempt_id].acked_sequence + 1, sent)
            for attempt_id, sent in self._sent.items()
            if logs[attempt_id].acked_sequence < sent
        }

    def _collect(self, lasts: Mapping[str, int]) -> list[AttemptBatch]:
        batches: list[AttemptBatch] = []
        room = BATCH_BYTES
        for attempt_id, last in lasts.items():
            log = self._outbox.logs.get(attempt_id)
            if log is None:
                continue
            records = self._unsent(log, last, limit_bytes=room if len(lasts) == 1 else min(room, _SHARE_BYTES))
            size = sum([len(record.data) for record in records])
            if len(batches) == ATTEMPTS or (batches and size > room):
                break
            if records:
                batches.append(_batch(log, records))
                self._sent[attempt_id] = records[-1].sequence
                room -= size
        return batches

    def _unsent(self, log: Log, last: int, *, limit_bytes: int) -> list[Record]:
        """What comes next, up to the first event whose blobs are still to be put."""
        sent = max(self._sent.get(log.attempt_id, 0), log.acked_sequence)
        if sent >= min(last, log.last_sequence):
            return []
        records = log.after(sent, limit_bytes=limit_bytes)[: last - sent]
        return list(takewhile(lambda record: not record.blobs or self._ready(log, record), records))

    def _ready(self, log: Log, record: Record) -> bool:
        return self._uploads.ready(log, AttemptEvent.FromString(record.data))


def _batch(log: Log, records: Sequence[Record]) -> AttemptBatch:
    # The events are taken over as they lie on the disk: measured at a fifth of reading each and copying it.
    batch = AttemptBatch.FromString(b"".join([_EVENT(record.data) for record in records]))
    batch.attempt.CopyFrom(AttemptRef(attempt_id=log.attempt_id, fence=log.fence))
    return batch
