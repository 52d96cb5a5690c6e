"""`errand-runner join`: one pasted line makes a host a runner, and what is wrong uses nothing up."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from errand.v1 import fleet_service_pb2 as fleet
from errand.v1 import runner_pb2
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand_common import join_token, rpc
from errand_common.errors import NotFound
from errand_common.service import NOT_YET, WRONG_START
from tests.certificates import identity, scheduler_showing
from tests.integration.scheduling import DEADLINE_S, Stack, github_with_repository, stack
from tests.integration.starting import REFUSAL_S, started

BEAT_S = 0.5


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Stack]:
    async with (
        github_with_repository(tmp_path / "github") as github,
        stack(tmp_path / "scheduler", github, beat_s=BEAT_S) as each,
    ):
        yield each


@pytest.fixture
def environment(state_dir: Path, sandbox_image: str) -> dict[str, str]:
    (state_dir / "key").write_text("sk-ant-test\n")
    return {
        "PATH": os.environ["PATH"],
        "ERRAND_DATA": str(state_dir / "data"),
        "ERRAND_SANDBOX_IMAGE": sandbox_image,
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:1",
        "ERRAND_LOG_FORMAT": "json",
        "ERRAND_WARM_SANDBOXES": "0",
    }


async def token_of(running: Stack, scheduler: str = "", **labels: str) -> str:
    request = fleet.CreateJoinTokenRequest(scheduler=scheduler or running.address, labels=labels)
    stub, operator = FleetServiceStub(running.channel), rpc.bearer(running.operator_token)
    return (await stub.CreateJoinToken(request, metadata=operator, timeout=DEADLINE_S)).token


async def runner_of(running: Stack, name: str) -> runner_pb2.Runner:
    request = fleet.GetRunnerRequest(runner=name)
    stub, operator = FleetServiceStub(running.channel), rpc.bearer(running.operator_token)
    with rpc.renamed_errors():
        return (await stub.GetRunner(request, metadata=operator, timeout=DEADLINE_S)).runner


async def join(environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    return await errand_runner(environment, "join", *arguments)


async def errand_runner(environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """How it ended, with all that it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "errand_runner",
        *arguments,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(REFUSAL_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_one_line_makes_a_host_a_runner_that_starts_without_further_settings(
    running: Stack, environment: dict[str, str], state_dir: Path
) -> None:
    line = await token_of(running, gpu="no")
    code, said = await join(
        environment, line, "--key-file", str(state_dir / "key"), "--slots", "3", "--name", "box", "--no-run"
    )
    assert code == 0, said
    assert "this host is the runner box" in said
    # Nobody answers there.
    assert "http://127.0.0.1:1 did not say whether it takes the key" in said
    assert join_token.read(line).secret not in said
    kept = {name: value for name, value in environment.items() if name != "ERRAND_SANDBOX_IMAGE"}
    # As an image of a container sets it: a host that joined goes by what it was told.
    async with started(
        "runner", {**kept, "ERRAND_TOKEN_FILE": "/nowhere", "ERRAND_SANDBOX_IMAGE": environment["ERRAND_SANDBOX_IMAGE"]}
    ) as runner:
        await runner.until("session_opened")
        box = await runner_of(running, "box")
        assert (box.slots, box.labels["gpu"], box.labels["model-key"]) == (3, "no", "yes")
        await runner.stop()
    code, said = await join(environment, await token_of(running), "--key-file", str(state_dir / "key"))
    assert (code, "joined already" in said) == (WRONG_START, True)


async def test_a_host_that_leaves_is_forgotten_with_its_credential(
    running: Stack, environment: dict[str, str], state_dir: Path
) -> None:
    environment["ANTHROPIC_API_KEY"] = "sk-ant-test"
    code, said = await errand_runner(environment, "join", await token_of(running), "--name", "box", "--no-run")
    assert code == 0, said
    async with started("runner", environment) as runner:
        await runner.until("session_opened")
        code, said = await errand_runner(environment, "leave", "--within", "1")
        assert code == 0, said
        assert "has 0 tasks still" in said
        # In order: not told as an error, and whatever supervises it need not start it again.
        await runner.until("runner_left")
        assert await runner.ended() == 0
    with pytest.raises(NotFound):
        await runner_of(running, "box")
    assert not (state_dir / "data" / "joined").exists()
    code, said = await errand_runner(environment, "leave")
    assert code == WRONG_START, said


async def test_without_more_it_works_at_once(running: Stack, environment: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "errand_runner",
        "join",
        await token_of(running),
        "--name",
        "box",
        env=environment | {"ANTHROPIC_API_KEY": "sk-ant-test"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(REFUSAL_S):
            while b"session_opened" not in (line := await process.stdout.readline()):
                assert line, "it ended"
            process.terminate()
            await process.communicate()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def still_good(running: Stack) -> bool:
    """Whether the only token that was made can be used."""
    stub, operator = FleetServiceStub(running.channel), rpc.bearer(running.operator_token)
    listed = await stub.ListJoinTokens(fleet.ListJoinTokensRequest(), metadata=operator, timeout=DEADLINE_S)
    return len(listed.join_tokens) == 1


@pytest.mark.parametrize(
    ("changed", "arguments", "ends", "words"),
    [
        ({"DOCKER_HOST": "unix:///nowhere/docker.sock"}, (), NOT_YET, "no Docker engine at /nowhere/docker.sock"),
        ({"ERRAND_MIN_FREE_BYTES": str(1 << 60)}, (), NOT_YET, "free"),
        ({"ERRAND_SANDBOX_IMAGE": "errand.invalid/none:1"}, (), WRONG_START, "neither there nor pulled"),
        ({}, ("--key-file", "/nowhere"), WRONG_START, "--key-file /nowhere cannot be read"),
    ],
)
async def test_what_a_host_lacks_is_told_before_the_token_is_used(
    running: Stack,
    environment: dict[str, str],
    changed: dict[str, str],
    arguments: tuple[str, ...],
    ends: int,
    words: str,
) -> None:
    line = await token_of(running)
    code, said = await join({**environment, "ANTHROPIC_API_KEY": "sk-ant-test", **changed}, line, *arguments)
    assert code == ends, said
    assert words in said
    assert await still_good(running)


async def test_another_scheduler_or_another_name_is_fatal_with_its_cause(
    running: Stack, environment: dict[str, str]
) -> None:
    environment["ANTHROPIC_API_KEY"] = "sk-ant-test"
    content = join_token.read(await token_of(running))
    another, named = identity(), identity("example.org")
    async with scheduler_showing(another) as address:
        content.scheduler = address
        code, said = await join(environment, join_token.write(content))
        assert (code, "is not of the CA in the join token" in said) == (WRONG_START, True), said
    async with scheduler_showing(named) as address:
        content.scheduler = address
        content.ca = x509.load_pem_x509_certificate(named.ca).public_bytes(Encoding.DER)
        code, said = await join(environment, join_token.write(content))
        assert (code, "has a certificate for another name than errand-scheduler" in said) == (WRONG_START, True), said


async def test_two_processes_on_one_state_folder_are_quarantined(
    running: Stack, environment: dict[str, str], state_dir: Path
) -> None:
    environment["ANTHROPIC_API_KEY"] = "sk-ant-test"
    code, said = await join(environment, await token_of(running), "--name", "box", "--no-run")
    assert code == 0, said
    shutil.copytree(state_dir / "data", state_dir / "copy")
    async with (
        started("runner", environment) as first,
        started("runner", environment | {"ERRAND_DATA": str(state_dir / "copy")}) as copy,
    ):
        told = [asyncio.create_task(each.until("runner_quarantined")) for each in (first, copy)]
        done, others = await asyncio.wait(told, return_when=asyncio.FIRST_COMPLETED, timeout=REFUSAL_S)
        assert done
        assert "a copy of this runner's data folder" in str(done.pop().result()["cause"])
        box = await runner_of(running, "box")
        assert box.condition == runner_pb2.RUNNER_CONDITION_QUARANTINED
        for each in others:
            each.cancel()
