"""Runners of other releases: an older or a newer one works, and one that is too far away is told so."""

from typing import TYPE_CHECKING

import pytest

from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import event_pb2, runner_pb2, task_pb2
from errand.v1 import fleet_service_pb2 as fleet
from errand.v1 import task_service_pb2 as tasks
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand_common import rpc
from errand_common.errors import Conflict, Invalid
from errand_common.protocol import FEATURES, OURS
from errand_common.wire import duration, event_json
from tests.integration.scheduling import DEADLINE_S, ScriptedRunner, Stack, inputs_event, new_task, phase_event
from tests.later import FROM_LATER

if TYPE_CHECKING:
    from collections.abc import Sequence


class OtherRelease(ScriptedRunner):
    """A runner that says what a test wants it to say of itself."""

    protocol: runner_pb2.ProtocolRange | None = None
    features: "Sequence[str]" = ()
    later = b""

    async def open(self, held: "Sequence[runner_pb2.HeldAttempt]" = ()) -> dispatch.OpenSessionResponse:
        request = dispatch.OpenSessionRequest(
            nonce=self.nonce,
            version="9.9.9",
            slots=self.slots,
            held_attempts=held,
            labels=self.labels,
            protocol=self.protocol,
            features=self.features,
        )
        request.MergeFromString(self.later)
        with rpc.renamed_errors():
            answer = await self.stub.OpenSession(request, metadata=self.metadata, timeout=DEADLINE_S)
        self.session_id = answer.session_id
        return answer


def older(running: Stack) -> OtherRelease:
    """As of before there were numbers and features."""
    stub = DispatchServiceStub(running.channel)
    return OtherRelease(stub, running.runner_token, nonce="older", slots=1, labels={"model-key": "yes"})


def newer(running: Stack) -> OtherRelease:
    """One conversation and some features on, with fields of which this release knows nothing."""
    runner = older(running)
    runner.protocol = runner_pb2.ProtocolRange(oldest=OURS.newest, newest=OURS.newest + 1)
    runner.features, runner.later = (*FEATURES, "levitation"), FROM_LATER
    return runner


async def stop_cause_of_a_drain(running: Stack, runner: OtherRelease) -> int:
    """What a runner that works on a task is told when it is drained at once."""
    await new_task(running)
    async with runner:
        begun = await runner.take()
        await runner.send(begun.attempt, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING))
        async with runner.beating(begun.attempt):
            request = fleet.SetRunnerModeRequest(
                runner="local", mode=runner_pb2.RUNNER_MODE_DRAINING, drain_duration=duration(0)
            )
            operator = rpc.bearer(running.operator_token)
            await FleetServiceStub(running.channel).SetRunnerMode(request, metadata=operator, timeout=DEADLINE_S)
            stop = await runner.next_assignment()
            assert stop.desired_state == runner_pb2.DESIRED_STATE_STOP
            told = (await runner.beat(begun.attempt)).directives.verdicts
            assert [each.stop_cause for each in told] == [stop.stop_cause]
        await runner.finish(begun.attempt, task_pb2.ATTEMPT_PHASE_CANCELLED)
    return stop.stop_cause


async def test_an_older_runner_is_told_what_it_knows(running: Stack) -> None:
    runner = older(running)
    assert await stop_cause_of_a_drain(running, runner) == runner_pb2.STOP_CAUSE_DEADLINE


async def test_one_that_knows_more_is_told_more(running: Stack) -> None:
    assert await stop_cause_of_a_drain(running, newer(running)) == runner_pb2.STOP_CAUSE_DRAIN


async def test_what_only_a_newer_runner_knows_is_carried_stored_and_shown(running: Stack) -> None:
    person, task = await new_task(running)
    watch = person.watch(task.task_id)
    async with newer(running) as runner:
        assert (await runner.open()).protocol == OURS.newest
        begun = await runner.take()
        unheard_of = runner_pb2.AttemptEvent(body=event_pb2.EventBody.FromString(FROM_LATER))
        known = phase_event(task_pb2.ATTEMPT_PHASE_RUNNING)
        known.MergeFromString(FROM_LATER)
        await runner.send(begun.attempt, known, inputs_event(begun), unheard_of)
        assert (await runner.finish(begun.attempt)).error_reason == ""
    assert (await person.task(task.task_id)).status == task_pb2.TASK_STATUS_COMPLETED
    request = tasks.ListEventsRequest(task_id=task.task_id)
    listed = await person.tasks.ListEvents(request, metadata=person.metadata, timeout=DEADLINE_S)
    (carried,) = [each for each in listed.events if each.body.WhichOneof("kind") is None]
    assert carried.body.SerializeToString() == FROM_LATER
    assert event_json(carried)["kind"] == "unknown"
    while (await watch.next()).event.cursor != carried.cursor:
        continue
    watch.cancel()


async def test_a_reason_that_only_a_newer_runner_knows_still_ends_the_attempt(running: Stack) -> None:
    person, task = await new_task(running)
    async with newer(running) as runner:
        begun = await runner.take()
        await runner.send(begun.attempt, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING), inputs_event(begun))
        result = await runner.finish(begun.attempt, task_pb2.ATTEMPT_PHASE_FAILED, failure=999, reason="new trouble")
        assert result.error_reason == ""
    ended = await person.task(task.task_id)
    assert (ended.status, ended.status_reason) == (task_pb2.TASK_STATUS_FAILED, "new trouble")


async def test_one_that_knows_nothing_in_common_is_refused_in_words(running: Stack) -> None:
    runner, oldest, newest = older(running), OURS.newest + 1, OURS.newest + 3
    runner.protocol = runner_pb2.ProtocolRange(oldest=oldest, newest=newest)
    words = rf"\(version 9.9.9\) knows the conversations {oldest} to {newest}.*bring the scheduler up to date"
    with pytest.raises(Conflict, match=words) as refused:
        await runner.open()
    assert refused.value.reason == "INCOMPATIBLE"


@pytest.mark.parametrize(("oldest", "newest"), [(0, 0), (2, 1), (-1, 1)])
async def test_a_range_that_is_none_is_refused(running: Stack, oldest: int, newest: int) -> None:
    runner = older(running)
    runner.protocol = runner_pb2.ProtocolRange(oldest=oldest, newest=newest)
    with pytest.raises(Invalid, match="is no range"):
        await runner.open()
