"""What a runner sends comes twice, late, with a gap, or with other words."""

import json

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import event_pb2, runner_pb2
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand_common import rpc
from errand_runner.outbox.recovery import recover
from errand_runner.outbox.segments import paths
from tests.chaos.fault import fault
from tests.chaos.observer import check
from tests.chaos.prompts import began, lines, steps
from tests.chaos.trial import Trial
from tests.demo.stack import Stack


@fault("T19", "an attempt's events come twice, with other words, out of order, and with a gap", quick=True)
async def comes_twice(trial: Trial) -> None:
    home = await trial.home()
    async with home.watch(steps(1.0, 3)) as observer:
        await observer.until(began(1))
        ((attempt_id, _, acked),) = observer.attempts()
        stored, (ref, sent) = observer.told(attempt_id)[:acked], outbox(home.stack, attempt_id)
        delayed = event_pb2.EventBody(git_delayed=event_pb2.GitDelayed(reason="another story"))
        other = [runner_pb2.AttemptEvent(sequence=event.sequence, body=delayed) for event in sent[:acked]]
        gap = [runner_pb2.AttemptEvent(sequence=acked + 50, body=delayed)]
        answers = await sent_again(home.stack, ref, [sent, other, sent[-1:], gap])
        trial.injected(4)
        assert [answer.error_reason for answer in answers] == ["", "", "", "EVENT_GAP"]
        assert all(answer.acked_sequence >= acked for answer in answers)
        await check(observer)
        assert observer.told(attempt_id)[:acked] == stored
    assert observer.trace() == lines(3)
    trial.checked("a gap is refused", "what came first stays, byte for byte", "I8")


def outbox(stack: Stack, attempt_id: str) -> tuple[runner_pb2.AttemptRef, list[runner_pb2.AttemptEvent]]:
    """What the runner has written down of an attempt."""
    found = recover(paths(stack.folder / "runner" / "outbox"), settle=lambda path: None)[attempt_id]
    ref = runner_pb2.AttemptRef(attempt_id=attempt_id, fence=found.held.fence)
    return ref, [runner_pb2.AttemptEvent.FromString(record.data) for record in found.records]


async def sent_again(
    stack: Stack, ref: runner_pb2.AttemptRef, batches: list[list[runner_pb2.AttemptEvent]]
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
