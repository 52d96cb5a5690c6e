"""What operators see of runners, and do to them, over the wire."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import fleet_service_pb2 as pb
from errand.v1 import runner_pb2, task_pb2
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand_common import rpc
from errand_common.clock import Clock
from errand_common.errors import Conflict, Invalid, NotFound, Unauthenticated
from errand_common.wire import duration, seconds, timestamp
from tests.integration.scheduling import (
    DEADLINE_S,
    Stack,
    github_with_repository,
    inputs_event,
    new_task,
    phase_event,
    settings,
    stack,
)


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Stack]:
    """A scheduler with two runners."""
    async with (
        github_with_repository(tmp_path / "github") as github,
        stack(
            tmp_path / "data", github, wanted=settings(tmp_path / "data", github, ERRAND_RUNNERS="local, other")
        ) as each,
    ):
        yield each


class Operator:
    """Calls with the operator's credential."""

    def __init__(self, running: Stack) -> None:
        self.stub = FleetServiceStub(running.channel)
        self.metadata = rpc.bearer(running.operator_token)

    async def listed(self) -> dict[str, runner_pb2.Runner]:
        answer = await self.stub.ListRunners(pb.ListRunnersRequest(), metadata=self.metadata, timeout=DEADLINE_S)
        return {runner.name: runner for runner in answer.runners}

    async def get(self, runner: str) -> runner_pb2.Runner:
        with rpc.renamed_errors():
            request = pb.GetRunnerRequest(runner=runner)
            return (await self.stub.GetRunner(request, metadata=self.metadata, timeout=DEADLINE_S)).runner

    async def set_mode(
        self, runner: str, mode: "runner_pb2.RunnerMode.ValueType", drain_s: float | None = None, request_id: str = ""
    ) -> runner_pb2.Runner:
        request = pb.SetRunnerModeRequest(
            request_id=request_id, runner=runner, mode=mode, drain_duration=duration(drain_s)
        )
        with rpc.renamed_errors():
            return (await self.stub.SetRunnerMode(request, metadata=self.metadata, timeout=DEADLINE_S)).runner

    async def revoke(self, runner: str) -> runner_pb2.Runner:
        request = pb.RevokeRunnerRequest(runner=runner)
        return (await self.stub.RevokeRunner(request, metadata=self.metadata, timeout=DEADLINE_S)).runner

    async def remove(self, runner: str, *, force: bool = False) -> None:
        with rpc.renamed_errors():
            request = pb.RemoveRunnerRequest(runner=runner, force=force)
            await self.stub.RemoveRunner(request, metadata=self.metadata, timeout=DEADLINE_S)


async def test_operators_see_every_runner_and_what_it_does(two: Stack) -> None:
    operator = Operator(two)
    _, task = await new_task(two)
    assert {name: each.condition for name, each in (await operator.listed()).items()} == {
        "local": runner_pb2.RUNNER_CONDITION_NOT_CONNECTED,
        "other": runner_pb2.RUNNER_CONDITION_NOT_CONNECTED,
    }
    async with two.runner_of("local", slots=1, gpu="no") as runner:
        assignment = await runner.take()
        local = await operator.get("local")
        assert local.condition == runner_pb2.RUNNER_CONDITION_BUSY
        assert local.condition_words == "is busy"
        assert (local.slots, local.used_slots, local.version, local.labels["gpu"]) == (1, 1, "test", "no")
        assert local.mode == runner_pb2.RUNNER_MODE_ACTIVE
        assert local.HasField("heard_time")
        assert [(each.attempt_id, each.task_id, each.phase) for each in local.attempts] == [
            (assignment.attempt.attempt_id, task.task_id, task_pb2.ATTEMPT_PHASE_ACCEPTED)
        ]
        assert (await operator.get(local.runner_id)) == local
    with pytest.raises(NotFound, match='no runner "nobody"'):
        await operator.get("nobody")


async def test_operators_see_what_a_runner_tells_of_its_host(two: Stack) -> None:
    operator = Operator(two)
    async with two.runner() as runner:
        assert not (await operator.get("local")).HasField("host"), "of an older release"
        host = runner_pb2.HostReport(
            engine_version="27.3.1",
            image="i" * 300,
            free_disk_bytes=5 << 30,
            warm_sandboxes=2,
            time=timestamp(Clock().now_us() + 90_000_000),
        )
        await runner.beat(host=host)
        shown = await operator.get("local")
        host.image = "i" * 255
        assert shown.host == host
        assert 85 < seconds(shown.clock_offset) < 91

        await runner.beat(host=runner_pb2.HostReport(time=Timestamp(seconds=-(2**63))))
        shown = await operator.get("local")
        assert (shown.HasField("clock_offset"), shown.host.HasField("time")) == (False, False), "no calendar has it"


async def test_a_runner_that_lacks_room_is_offered_nothing_until_it_has_some(two: Stack) -> None:
    operator = Operator(two)
    async with two.runner() as runner:
        await runner.beat(host=runner_pb2.HostReport(lacks_room=True))
        shown = await operator.get("local")
        assert (shown.condition, shown.condition_words) == (
            runner_pb2.RUNNER_CONDITION_LACKS_ROOM,
            "has too little room on its disk",
        )
        person, task = await new_task(two)
        watch = person.watch(task.task_id)
        while "local has too little room on its disk" not in (await person.task(task.task_id)).status_reason:
            await watch.next()
        watch.cancel()
        await runner.beat(host=runner_pb2.HostReport())
        assert (await runner.take()).task.task_id == task.task_id


async def test_a_cordoned_runner_is_offered_nothing_until_it_is_uncordoned(two: Stack) -> None:
    operator = Operator(two)
    async with two.runner() as runner:
        cordoned = await operator.set_mode("local", runner_pb2.RUNNER_MODE_CORDONED)
        assert cordoned.condition == runner_pb2.RUNNER_CONDITION_CORDONED
        person, task = await new_task(two)
        watch = person.watch(task.task_id)
        while (await person.task(task.task_id)).status_reason != "no runner can take it: local is cordoned":
            await watch.next()
        watch.cancel()
        await operator.set_mode("local", runner_pb2.RUNNER_MODE_ACTIVE)
        await runner.take()


async def test_a_mode_stays_over_a_restart_of_the_scheduler(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(tmp_path / "data", github) as running:
            await Operator(running).set_mode("local", runner_pb2.RUNNER_MODE_DRAINING, drain_s=3600)
        async with stack(tmp_path / "data", github) as running, running.runner():
            local = await Operator(running).get("local")
            assert local.condition == runner_pb2.RUNNER_CONDITION_DRAINING
            assert local.HasField("drain_time")


async def test_what_a_drain_leaves_no_time_for_goes_on_at_another_host(two: Stack) -> None:
    person, task = await new_task(two)
    async with two.runner() as leaves:
        begun = await leaves.take()
        await leaves.send(begun.attempt, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING), inputs_event(begun))
        async with two.runner_of("other") as stays, leaves.beating(begun.attempt):
            await Operator(two).set_mode("local", runner_pb2.RUNNER_MODE_DRAINING, drain_s=0)
            stop = await leaves.next_assignment()
            assert (stop.desired_state, stop.stop_cause) == (
                runner_pb2.DESIRED_STATE_STOP,
                runner_pb2.STOP_CAUSE_DRAIN,
            )
            await leaves.finish(begun.attempt, task_pb2.ATTEMPT_PHASE_CANCELLED)
            again = await stays.take()
            assert again.task.task_id == task.task_id
            await stays.finish(again.attempt, task_pb2.ATTEMPT_PHASE_SUCCEEDED)
    assert (await person.task(task.task_id)).status == task_pb2.TASK_STATUS_COMPLETED


async def test_a_revoked_runner_is_out_at_once(two: Stack) -> None:
    operator = Operator(two)
    async with two.runner() as runner:
        revoked = await operator.revoke("local")
        assert revoked.condition == runner_pb2.RUNNER_CONDITION_REVOKED
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await runner.rest_of_watch()
        assert ended.value.code() in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAUTHENTICATED)
        with pytest.raises(Unauthenticated), rpc.renamed_errors():
            await runner.open()


async def test_the_scheduler_starts_although_a_runner_of_its_settings_is_revoked(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(tmp_path / "data", github) as running:
            await Operator(running).revoke("local")
        async with stack(tmp_path / "data", github) as running:
            assert (await Operator(running).get("local")).condition == runner_pb2.RUNNER_CONDITION_REVOKED


async def test_a_runner_is_removed_once_nothing_is_left_of_it_or_by_force(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        data = tmp_path / "data"
        async with stack(data, github, wanted=settings(data, github, ERRAND_RUNNERS="local, other")) as running:
            with pytest.raises(Conflict, match="ERRAND_RUNNERS names other"):
                await Operator(running).remove("other", force=True)
        async with stack(data, github) as running:
            operator = Operator(running)
            other = await operator.get("other")
            assert other.condition == runner_pb2.RUNNER_CONDITION_REVOKED, "it is named no more"
            await operator.remove("other")
            await operator.remove(other.runner_id)
            assert set(await operator.listed()) == {"local"}
            with pytest.raises(NotFound):
                await operator.set_mode(other.runner_id, runner_pb2.RUNNER_MODE_CORDONED)


async def test_a_runner_of_the_settings_does_not_leave(running: Stack) -> None:
    with pytest.raises(Conflict, match="ERRAND_RUNNERS names local"):
        await Operator(running).set_mode("local", runner_pb2.RUNNER_MODE_LEAVING)
    stub = DispatchServiceStub(running.channel)
    with pytest.raises(Conflict, match="ERRAND_RUNNERS names local"), rpc.renamed_errors():
        await stub.Leave(dispatch.LeaveRequest(), metadata=rpc.bearer(running.runner_token), timeout=DEADLINE_S)


@pytest.mark.parametrize(
    ("mode", "drain_s", "words"),
    [
        (0, None, "mode 0 is unknown; use active, cordoned, draining, leaving"),
        (99, None, "mode 99 is unknown"),
        (runner_pb2.RUNNER_MODE_CORDONED, 5.0, "drain_duration is set without"),
        (runner_pb2.RUNNER_MODE_DRAINING, -1.0, "must be 0 to 604800 s"),
        (runner_pb2.RUNNER_MODE_DRAINING, 604_801.0, "must be 0 to 604800 s"),
    ],
)
async def test_a_mode_that_means_nothing_is_refused(
    running: Stack, mode: "runner_pb2.RunnerMode.ValueType", drain_s: float | None, words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        await Operator(running).set_mode("local", mode, drain_s)
