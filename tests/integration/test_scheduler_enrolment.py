"""A host becomes a runner by a join token, once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from errand.v1 import enrolment_service_pb2 as pb
from errand.v1 import fleet_service_pb2 as fleet
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand.v1.enrolment_service_pb2_grpc import EnrolmentServiceStub
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand_common import join_token, rpc
from errand_common.errors import Conflict, Invalid, Unauthenticated
from errand_common.service import StartError
from errand_runner.enrolling import Enrolling
from tests.integration.moved_clock import MovedClock
from tests.integration.scheduling import DEADLINE_S, ScriptedRunner, Stack, github_with_repository, stack


async def make_token(running: Stack, scheduler: str = "errand.test:7443", **labels: str) -> str:
    request = fleet.CreateJoinTokenRequest(scheduler=scheduler, labels=labels)
    operator = rpc.bearer(running.operator_token)
    with rpc.renamed_errors():
        stub = FleetServiceStub(running.channel)
        return (await stub.CreateJoinToken(request, metadata=operator, timeout=DEADLINE_S)).token


async def join(running: Stack, line: str, *, request_id: str = "one", name: str = "box") -> pb.JoinResponse:
    request = pb.JoinRequest(request_id=request_id, name=name)
    with rpc.renamed_errors():
        return await EnrolmentServiceStub(running.channel).Join(
            request, metadata=rpc.bearer(join_token.read(line).secret), timeout=DEADLINE_S
        )


async def check(running: Stack, line: str) -> pb.CheckJoinTokenResponse:
    with rpc.renamed_errors():
        return await EnrolmentServiceStub(running.channel).CheckJoinToken(
            pb.CheckJoinTokenRequest(), metadata=rpc.bearer(join_token.read(line).secret), timeout=DEADLINE_S
        )


@asynccontextmanager
async def fresh(tmp_path: Path, clock: MovedClock | None = None) -> AsyncIterator[Stack]:
    async with (
        github_with_repository(tmp_path / "github") as github,
        stack(tmp_path / "data", github, clock=clock) as each,
    ):
        yield each


def runner_of(running: Stack, joined: pb.JoinResponse, **labels: str) -> ScriptedRunner:
    stub = DispatchServiceStub(running.channel)
    return ScriptedRunner(stub, joined.token, nonce="n", slots=1, labels={"model-key": "yes", **labels})


async def test_a_token_carries_all_that_a_host_needs_and_makes_it_a_runner_with_its_labels(running: Stack) -> None:
    line = await make_token(running, running.address, gpu="no")
    content = join_token.read(line)
    assert content.scheduler == running.address
    assert len(line) < 700
    joined = await join(running, line)
    assert (joined.name, dict(joined.labels)) == ("box", {"gpu": "no"})
    async with runner_of(running, joined, gpu="yes", region="eu"):
        request = fleet.GetRunnerRequest(runner="box")
        operator = rpc.bearer(running.operator_token)
        box = (await FleetServiceStub(running.channel).GetRunner(request, metadata=operator, timeout=DEADLINE_S)).runner
        assert dict(box.labels) == {"gpu": "no", "model-key": "yes", "region": "eu"}


async def test_a_line_that_was_lost_is_given_again_to_the_same_credential_until_it_is_used(running: Stack) -> None:
    stub, operator = FleetServiceStub(running.channel), rpc.bearer(running.operator_token)
    request = fleet.CreateJoinTokenRequest(request_id="one", scheduler="errand.test:7443")
    first, again = [await stub.CreateJoinToken(request, metadata=operator, timeout=DEADLINE_S) for _ in range(2)]
    assert again == first

    admin = await running.sign_in("grace", link_secret=await running.make_link())
    other = await stub.CreateJoinToken(request, metadata=admin.metadata, timeout=DEADLINE_S)
    assert other.join_token.join_token_id != first.join_token.join_token_id, "each caller's ids are their own"
    elsewhere = await running.sign_in("grace")
    with pytest.raises(Conflict, match="is told to the credential alone"), rpc.renamed_errors():
        await stub.CreateJoinToken(request, metadata=elsewhere.metadata, timeout=DEADLINE_S)

    await join(running, first.token)
    with pytest.raises(Conflict, match="was used already"), rpc.renamed_errors():
        await stub.CreateJoinToken(request, metadata=operator, timeout=DEADLINE_S)


async def test_an_answer_that_was_lost_is_given_again_to_the_same_request_alone(running: Stack) -> None:
    line = await make_token(running)
    first = await join(running, line)
    assert await join(running, line) == first
    with pytest.raises(Unauthenticated, match=f"was used already, for runner {first.runner_id}; make another"):
        await join(running, line, request_id="another")
    with pytest.raises(Unauthenticated, match="was used already"):
        await check(running, line)


async def test_a_token_is_good_for_an_hour(tmp_path: Path) -> None:
    clock = MovedClock()
    async with fresh(tmp_path, clock) as running:
        line = await make_token(running)
        clock.ahead_s = 3590
        good = await check(running, line)
        assert 0 < good.expire_time.seconds - good.server_time.seconds <= 10
        clock.ahead_s = 3601
        with pytest.raises(Unauthenticated, match=r"was good until .* UTC; make another"):
            await join(running, line)


@pytest.mark.parametrize(
    ("ahead_s", "words"),
    [
        (-86_400, "24 hours behind"),
        (86_400, "24 hours ahead of"),
        (1_000, "17 minutes ahead of"),
        (-864_000, "10 days"),
    ],
)
async def test_a_host_with_another_time_is_told_by_how_much_and_uses_nothing_up(
    running: Stack, ahead_s: float, words: str
) -> None:
    line, clock = await make_token(running), MovedClock()
    content = join_token.read(line)
    host = Enrolling(EnrolmentServiceStub(running.channel), content)
    clock.ahead_s = ahead_s
    with pytest.raises(StartError, match=f"this host's clock is {words}.*set the one that is wrong"):
        await host.check(clock)
    clock.ahead_s = 60
    await host.check(clock)
    await join(running, line)


async def test_a_token_that_was_revoked_or_never_made_is_refused(running: Stack) -> None:
    line = await make_token(running)
    operator, stub = rpc.bearer(running.operator_token), FleetServiceStub(running.channel)
    listed = await stub.ListJoinTokens(fleet.ListJoinTokensRequest(), metadata=operator, timeout=DEADLINE_S)
    revoke = fleet.RevokeJoinTokenRequest(join_token_id=listed.join_tokens[0].join_token_id)
    await stub.RevokeJoinToken(revoke, metadata=operator, timeout=DEADLINE_S)
    with pytest.raises(Unauthenticated, match="was revoked"):
        await join(running, line)
    content = join_token.read(line)
    content.secret = "ejt_made_up"
    with pytest.raises(Unauthenticated, match="unknown"):
        await join(running, join_token.write(content))


async def test_hosts_of_one_name_are_told_apart_and_stay_over_a_restart(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(tmp_path / "data", github) as running:
            joined = [await join(running, await make_token(running), request_id=each) for each in "abc"]
            assert [each.name for each in joined] == ["box", "box-2", "box-3"]
        async with stack(tmp_path / "data", github) as running, runner_of(running, joined[1]) as runner:
            assert runner.session_id


@pytest.mark.parametrize("name", ["", "Box", "a_b", "-a", "x" * 33, "rnr_1"])
async def test_a_name_that_is_none_is_refused_and_the_token_stays_good(running: Stack, name: str) -> None:
    line = await make_token(running)
    with pytest.raises(Invalid, match="no runner's name"):
        await join(running, line, name=name)
    await join(running, line)


@pytest.mark.parametrize(
    ("scheduler", "labels", "words"),
    [
        ("", {}, "host:port"),
        ("errand.test", {}, "host:port"),
        ("errand.test:7443", {"model-key": "no"}, "leave it out"),
        ("errand.test:7443", {"a b": "c"}, "no label"),
    ],
)
async def test_a_token_for_nothing_that_works_is_not_made(
    running: Stack, scheduler: str, labels: dict[str, str], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        await make_token(running, scheduler, **labels)
