"""A scheduler small enough to read: it records what a runner says, and refuses what it is told to refuse."""

import asyncio
import hashlib
from collections import defaultdict
from contextlib import asynccontextmanager

import grpc

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1.dispatch_service_pb2_grpc import (
    DispatchServiceServicer,
    DispatchServiceStub,
    add_DispatchServiceServicer_to_server,
)
from errand.v1.event_pb2 import Delta
from errand.v1.runner_pb2 import AttemptEvent, AttemptOutcome, Directives, ItemResult
from errand_common import rpc
from errand_common.errors import ErrandError, Internal, Invalid
from errand_runner.outbox.blobs import blobs_of
from tests.unit import unguarded


class SchedulerDouble(DispatchServiceServicer):
    """`failures` are raised by the next calls of a method, or batches of a stream, one each, and none lets one pass;
    `refusals` answer an attempt's items, `passing` the next ones of its batches; a batch with an event of `poison`, by
    attempt and number, breaks the stream before anything of it is stored. Ends wait while `answering` is not set."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.outcomes: list[AttemptOutcome] = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.events: dict[str, dict[int, AttemptEvent]] = defaultdict(dict)
        self.deltas: list[Delta] = []
        self.failures: dict[str, list[ErrandError | None]] = defaultdict(list)
        self.refusals: dict[str, str] = {}
        self.drop_acks = 0
        self.lose_batches = 0
        self.lost: list[pb.AttemptBatch] = []
        self.passing: dict[str, list[str]] = defaultdict(list)
        self.poison: set[tuple[str, int]] = set()
        self.breaks = 0
        self.requests: list[pb.StreamEventsRequest] = []
        self.blobs: dict[str, bytes] = {}
        self.puts: list[str] = []
        self.lose_blobs = 0
        self.transcript: list[pb.GetTranscriptResponse] = []
        self.directives = Directives()
        self.changed = asyncio.Condition()

    async def until(self, condition) -> None:
        """Return once the condition holds."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(condition)

    async def AcceptAttempts(self, request, context):
        await self._called("AcceptAttempts")
        self.accepted += [attempt.attempt_id for attempt in request.attempts]
        results = [self._result(each.attempt_id) for each in request.attempts]
        return pb.AcceptAttemptsResponse(results=results, directives=self.directives)

    async def FinishAttempts(self, request, context):
        await self._called("FinishAttempts")
        self.outcomes += request.outcomes
        await self._tell()
        await self.answering.wait()
        results = [self._result(each.attempt.attempt_id) for each in request.outcomes]
        return pb.FinishAttemptsResponse(results=results, directives=self.directives)

    async def GetTranscript(self, request, context):
        for piece in self.transcript:
            yield piece

    async def PutBlob(self, request_iterator, context):
        pieces = [piece async for piece in request_iterator]
        await self._called("PutBlob")
        blob, content = pieces[0].blob, b"".join(piece.chunk for piece in pieces)
        if (hashlib.sha256(content).hexdigest(), len(content)) != (blob.sha256, blob.size_bytes):
            raise Invalid("the content is not what its name says")
        self.puts.append(blob.sha256)
        if self.lose_blobs:
            self.lose_blobs -= 1
        else:
            self.blobs[blob.sha256] = content
        return pb.PutBlobResponse()

    async def StreamEvents(self, request_iterator, context):
        async for request in request_iterator:
            self.requests.append(request)
            self.deltas += request.deltas
            await self._called("StreamEvents")
            if self._is_poisoned(request):
                self.breaks += 1
                await self._tell()
                raise Internal("an event that no scheduler survives")
            if request.batches and self.lose_batches:
                self.lose_batches -= 1
                self.lost += request.batches
                acks = []
            else:
                acks = [self._ack(batch) for batch in request.batches]
            await self._tell()
            if self.drop_acks:
                self.drop_acks -= 1
                return
            yield pb.StreamEventsResponse(batch_number=request.batch_number, acks=acks, directives=self.directives)

    def _is_poisoned(self, request) -> bool:
        return any(
            (batch.attempt.attempt_id, event.sequence) in self.poison
            for batch in request.batches
            for event in batch.events
        )

    def _ack(self, batch) -> pb.AttemptAck:
        attempt_id = batch.attempt.attempt_id
        known = self.events[attempt_id]
        reason = self.refusals.get(attempt_id, "")
        if self.passing[attempt_id]:
            reason = self.passing[attempt_id].pop(0)
        for event in batch.events:
            if reason:
                break
            if event.sequence > len(known) + 1:
                reason = "EVENT_GAP"
            if event.sequence not in known and any(blob.sha256 not in self.blobs for blob in blobs_of(event)):
                reason = "BLOB_MISSING"
            if not reason:
                known.setdefault(event.sequence, event)
        return pb.AttemptAck(attempt_id=attempt_id, acked_sequence=len(known), error_reason=reason)

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def _called(self, method: str) -> None:
        if self.failures[method] and (failure := self.failures[method].pop(0)) is not None:
            raise failure

    def _result(self, attempt_id: str) -> ItemResult:
        return ItemResult(attempt_id=attempt_id, error_reason=self.refusals.get(attempt_id, ""))


@asynccontextmanager
async def serving(double: SchedulerDouble | None):
    """The double behind a real gRPC server, or one that knows no call; yields a stub."""

    server = rpc.server([unguarded.boundary()])
    if double is not None:
        add_DispatchServiceServicer_to_server(double, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield DispatchServiceStub(channel)
    finally:
        await server.stop(None)
