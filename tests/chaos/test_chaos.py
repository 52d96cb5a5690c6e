"""A service dies, a wire is cut, a stream comes twice: the task goes on as if nothing had been."""

import asyncio
import json
import shutil

import pytest

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import event_pb2, runner_pb2
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand_common import rpc
from errand_runner.outbox.recovery import recover
from errand_runner.outbox.segments import paths
from errand_runner.sandbox.docker import Engine
from tests.chaos.conftest import BEAT_S
from tests.chaos.observer import check, observed
from tests.e2e.watching import no_container, ready

pytestmark = pytest.mark.asyncio(loop_scope="module")

STEPS = 5


def steps(seconds, count=STEPS):
    """A prompt: so many commands, each of so many seconds, each of which leaves one line."""
    return "Steps: " + "; ".join(f"sleep {seconds} && echo {number} >> trace" for number in range(count))


def lines(count=STEPS):
    return [str(number) for number in range(count)]


def began(number):
    """The event with which the step began."""
    return ran(f"echo {number} ")


async def test_the_scheduler_is_killed(stack, wire, phone, project):
    async with observed(stack, phone, project, steps(0.4)) as observer:
        await observer.until(began(1))
        await stack.processes.kill("scheduler")
        await asyncio.sleep(1.0)
        await stack.start_scheduler()
        await check(observer)
    assert observer.trace() == lines()
    await no_container(observer.task)


async def test_the_gateway_is_killed(stack, wire, phone, project):
    async with observed(stack, phone, project, steps(0.4)) as observer:
        await observer.until(began(1))
        await stack.processes.kill("gateway")
        await stack.start_gateway()
        await ready(stack)
        await check(observer)
    assert observer.trace() == lines()


async def test_the_runner_is_killed_and_its_container_goes_on(stack, wire, phone, project):
    async with observed(stack, phone, project, steps(1.5, 3)) as observer:
        await observer.until(began(1))
        before = observer.container()
        await stack.processes.kill("runner")
        await stack.start_runner()
        await observer.until(began(2))
        assert observer.container() == before
        await check(observer)
    # The interrupted step may have run or not; it is never run again unasked.
    assert observer.trace() in (["0", "2"], ["0", "1", "2"])
    await no_container(observer.task)


async def test_the_wire_is_cut_for_longer_than_a_lease(stack, wire, phone, project):
    async with observed(stack, phone, project, steps(0.8)) as observer:
        await observer.until(began(1))
        wire.cut()
        try:
            away = await observer.until(lambda event: "not heard of" in event["detail"].get("status_reason", ""))
            await asyncio.sleep(4 * BEAT_S)
        finally:
            wire.mend()
        assert away["detail"]["status"] == "running"
        await check(observer)
    assert observer.trace() == lines()


async def test_a_stream_that_comes_twice_changes_nothing(stack, wire, phone, project):
    async with observed(stack, phone, project, steps(1.0, 3)) as observer:
        await observer.until(began(1))
        ((attempt_id, _, acked),) = observer.attempts()
        stored, (ref, sent) = observer.told(attempt_id)[:acked], outbox(stack, attempt_id)
        delayed = event_pb2.EventBody(git_delayed=event_pb2.GitDelayed(reason="another story"))
        other = [runner_pb2.AttemptEvent(sequence=event.sequence, body=delayed) for event in sent[:acked]]
        gap = [runner_pb2.AttemptEvent(sequence=acked + 50, body=delayed)]
        answers = await sent_again(stack, ref, [sent, other, sent[-1:], gap])
        assert [answer.error_reason for answer in answers] == ["", "", "", "EVENT_GAP"]
        assert all(answer.acked_sequence >= acked for answer in answers)
        await check(observer)
        assert observer.told(attempt_id)[:acked] == stored
    assert observer.trace() == lines(3)


async def test_a_host_is_lost_for_good_and_another_goes_on_with_what_was_not_committed(stack, wire, phone, project):
    async with observed(stack, phone, project, "Steps: sleep 1 && echo mine > left") as observer:
        await observer.until(ran("echo mine"))
        await phone.add_input(observer.task, "Steps: sleep 600")
        saved = await observer.until(lambda event: event["kind"] == "checkpoint_saved")
        await observer.until(ran("sleep 600"))
        assert observer.at_host("for-each-ref", f"refs/heads/{observer.task['branch']}") == ""
        await lose_host(stack)
        await stack.start_runner()
        lost = await observer.ended()
        assert (lost["status"], lost["failure_reason"]) == ("failed", "runner_lost")
        await phone.retry(observer.task)
        restored = await observer.until(lambda event: event["kind"] == "workspace_restored")
        await observer.until(lambda event: event["kind"] == "pull_request_opened")
    assert restored["detail"]["commit"] == saved["detail"]["commit"]
    assert observer.trace("left") == ["mine"]
    assert "made anew from the last checkpoint" in json.dumps(await phone.messages(observer.task))
    trees = [f"refs/errand/{observer.task['task_id']}^{{tree}}", f"refs/heads/{observer.task['branch']}^{{tree}}"]
    assert len(set(observer.at_host("rev-parse", *trees).split())) == 1


def ran(command):
    """The event with which a command began."""
    return lambda event: event["kind"] == "tool_call_started" and command in event["detail"]["summary"]


async def lose_host(stack):
    """The runner, with all that its host had."""
    await stack.processes.kill("runner")
    async with Engine.connect(state_dir=stack.folder / "runner") as engine:
        for runner_id in stack.runner_ids():
            await engine.remove_everything(runner_id)
    shutil.rmtree(stack.folder / "runner")


def outbox(stack, attempt_id):
    """What the runner has written down of an attempt."""
    found = recover(paths(stack.folder / "runner" / "outbox"), settle=lambda path: None)[attempt_id]
    ref = runner_pb2.AttemptRef(attempt_id=attempt_id, fence=found.held.fence)
    return ref, [runner_pb2.AttemptEvent.FromString(record.data) for record in found.records]


async def sent_again(stack, ref, batches):
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
