"""A scheduler small enough to read: it records what a runner says, and refuses what it is told to refuse."""

import asyncio
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
from errand.v1.runner_pb2 import AttemptEvent, AttemptOutcome, ItemResult
from errand_common import rpc
from errand_common.errors import ErrandError


class SchedulerDouble(DispatchServiceServicer):
    """`failures` are raised by the next calls of a method, one each; `refusals` answer an attempt's items."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.outcomes: list[AttemptOutcome] = []
        self.events: dict[str, dict[int, AttemptEvent]] = defaultdict(dict)
        self.deltas: list[Delta] = []
        self.failures: dict[str, list[ErrandError]] = defaultdict(list)
        self.refusals: dict[str, str] = {}
        self.drop_acks = 0
        self.lose_batches = 0
        self.lost: list[pb.AttemptBatch] = []
        self.changed = asyncio.Condition()

    async def until(self, condition) -> None:
        """Return once the condition holds."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(condition)

    async def AcceptAttempts(self, request, context):
        await self._called("AcceptAttempts")
        self.accepted += [attempt.attempt_id for attempt in request.attempts]
        return pb.AcceptAttemptsResponse(results=[self._result(each.attempt_id) for each in request.attempts])

    async def FinishAttempts(self, request, context):
        await self._called("FinishAttempts")
        self.outcomes += request.outcomes
        async with self.changed:
            self.changed.notify_all()
        results = [self._result(each.attempt.attempt_id) for each in request.outcomes]
        return pb.FinishAttemptsResponse(results=results)

    async def StreamEvents(self, request_iterator, context):
        async for request in request_iterator:
            self.deltas += request.deltas
            if request.batches and self.lose_batches:
                self.lose_batches -= 1
                self.lost += request.batches
                acks = []
            else:
                acks = [self._ack(batch) for batch in request.batches]
            async with self.changed:
                self.changed.notify_all()
            if self.drop_acks:
                self.drop_acks -= 1
                return
            yield pb.StreamEventsResponse(batch_number=request.batch_number, acks=acks)

    def _ack(self, batch) -> pb.AttemptAck:
        attempt_id = batch.attempt.attempt_id
        known = self.events[attempt_id]
        reason = self.refusals.get(attempt_id, "")
        for event in batch.events:
            if event.sequence > len(known) + 1:
                reason = "EVENT_GAP"
                break
            if not reason:
                known.setdefault(event.sequence, event)
        return pb.AttemptAck(attempt_id=attempt_id, acked_sequence=len(known), error_reason=reason)

    async def _called(self, method: str) -> None:
        if self.failures[method]:
            raise self.failures[method].pop(0)

    def _result(self, attempt_id: str) -> ItemResult:
        return ItemResult(attempt_id=attempt_id, error_reason=self.refusals.get(attempt_id, ""))


@asynccontextmanager
async def serving(double: SchedulerDouble):
    """The double behind a real gRPC server; yields a stub."""

    @asynccontextmanager
    async def around(method, context):
        yield

    server = rpc.server([rpc.Boundary(around)])
    add_DispatchServiceServicer_to_server(double, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield DispatchServiceStub(channel)
    finally:
        await server.stop(None)
