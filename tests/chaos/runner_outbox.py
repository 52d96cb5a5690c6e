"""What a runner has written down, read beside it, and said again in its name."""

import json
from collections.abc import Sequence

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import event_pb2, runner_pb2
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand_common import rpc
from errand_runner.outbox.recovery import recover
from errand_runner.outbox.segments import paths
from tests.demo.stack import Stack


def outbox(stack: Stack, attempt_id: str) -> tuple[runner_pb2.AttemptRef, list[runner_pb2.AttemptEvent]]:
    """An attempt, and its events that may not be with the scheduler yet."""
    found = recover(paths(stack.folder / "runner" / "outbox"), settle=lambda path: None)[attempt_id]
    ref = runner_pb2.AttemptRef(attempt_id=attempt_id, fence=found.held.fence)
    return ref, [runner_pb2.AttemptEvent.FromString(record.data) for record in found.records]


def kind_of(body: bytes) -> str | None:
    """Of an event as it is stored."""
    return event_pb2.EventBody.FromString(body).WhichOneof("kind")


async def sent_again(
    stack: Stack, ref: runner_pb2.AttemptRef, batches: Sequence[Sequence[runner_pb2.AttemptEvent]]
) -> list[pb.AttemptAck]:
    """What the scheduler answers to batches of an attempt's events that come in the runner's own session."""
    with stack.processes.log_of("runner").open() as log:
        opened = [json.loads(line) for line in log if '"session_opened"' in line]
    folder = stack.folder / "scheduler" / "credentials" / "runners" / "local"
    metadata = rpc.bearer((folder / "token").read_text().strip())
    answers: list[pb.AttemptAck] = []
    async with rpc.channel(stack.scheduler_address, ca=(folder / "ca.pem").read_bytes()) as channel:
        call = DispatchServiceStub(channel).StreamEvents(metadata=metadata)
        for number, events in enumerate(batches):
            batch = pb.AttemptBatch(attempt=ref, events=events)
            request = pb.StreamEventsRequest(session_id=opened[-1]["session_id"], batch_number=number, batches=[batch])
            await call.write(request)
            answer = await call.read()
            assert isinstance(answer, pb.StreamEventsResponse)
            answers.extend(answer.acks)
        call.cancel()
    return answers
