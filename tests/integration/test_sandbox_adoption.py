"""A container outlives the process that opened it, and the next one goes on in it: the same container, alone in it."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from errand_common.ids import Ids
from errand_runner.sandbox.docker import Engine, ImageMissing, SandboxFailed, SandboxSpec
from tests.integration.sandboxing import MakeSpec, containers, sh, until_stdout_has

KILLED = """
import asyncio, json, sys
from pathlib import Path
from errand_runner.sandbox.docker import Engine, SandboxSpec
from errand_runner.sandbox.limits import Limits

async def main():
    given = json.loads(sys.argv[1])
    limits = Limits(**given["limits"])
    spec = SandboxSpec(**{**given, "socket_dir": Path(given["socket_dir"]), "limits": limits})
    async with Engine.connect(state_dir=spec.socket_dir.parent) as engine, engine.open(spec) as sandbox:
        print("opened", sandbox.container_id, flush=True)
        command = ["bash", "-c", "echo here > /tmp/note; sleep 600 & sleep 600"]
        await sandbox.supervisor.capture(command, cwd="/workspace", timeout_s=600)

asyncio.run(main())
"""


@asynccontextmanager
async def opened_elsewhere(spec: SandboxSpec) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A process of its own that opened the sandbox and runs a command in it, and its container's id."""
    given = json.dumps({**spec.__dict__, "socket_dir": str(spec.socket_dir), "limits": spec.limits.__dict__})
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, given, stdout=asyncio.subprocess.PIPE)
    try:
        yield process, await until_stdout_has(process, "opened")
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def left_by_a_killed_process(client: docker.DockerClient, spec: SandboxSpec) -> str:
    """The container of a process that was killed while a command of its ran in it."""
    async with opened_elsewhere(spec) as (process, container_id):
        async with asyncio.timeout(60):
            while client.containers.get(container_id).exec_run(["test", "-e", "/tmp/note"]).exit_code:
                await asyncio.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    return container_id


def processes(client: docker.DockerClient, container_id: str) -> set[tuple[str, str]]:
    """What runs in it, each by its session: a supervisor's leaders are in its own."""
    top: Any = client.containers.get(container_id).top(ps_args="-o pid,sid,args")
    return {(row[1], row[2]) for row in top["Processes"]}


async def test_the_next_process_goes_on_in_the_same_container_with_one_supervisor(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient, runner_id: str
) -> None:
    spec = make_spec()
    container_id = await left_by_a_killed_process(client, spec)

    async with engine.adopt(spec, container_id) as sandbox:
        assert sandbox.container_id == container_id
        assert await sh(sandbox, "cat /tmp/note") == "here\n"
        running = processes(client, container_id)
        assert [sum(word in each for _, each in running) for word in ("/opt/errand", "sleep 600")] == [1, 0], running
        assert containers(client, runner_id) == [spec.sandbox_id]
    assert containers(client, runner_id) == []


async def test_a_new_supervisor_waits_for_the_end_of_what_an_earlier_process_started(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient
) -> None:
    spec = make_spec()
    container_id = await left_by_a_killed_process(client, spec)
    client.containers.get(container_id).exec_run(["bash", "-c", "sleep 1; touch /tmp/ended"], detach=True)

    async with engine.adopt(spec, container_id) as sandbox:
        assert await sh(sandbox, "ls /tmp/ended") == "/tmp/ended\n"


async def test_what_runs_in_it_without_the_engine_knowing_is_ended_before(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient
) -> None:
    spec = make_spec()
    container_id = await left_by_a_killed_process(client, spec)
    left = client.containers.get(container_id)
    # As where the engine was killed, which knows nothing then of what it started.
    left.exec_run(["bash", "-c", "sleep 600 < /dev/null &> /dev/null &"], user=left.labels["errand.uid"])

    async with engine.adopt(spec, container_id) as sandbox:
        assert not any("sleep 600" in each for _, each in processes(client, container_id))
        assert await sh(sandbox, "cat /tmp/note") == "here\n"


async def test_a_container_that_was_paused_when_its_process_died_is_adopted_too(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient
) -> None:
    spec = make_spec()
    async with opened_elsewhere(spec) as (process, container_id):
        client.containers.get(container_id).pause()
        process.send_signal(signal.SIGKILL)
        await process.wait()

    async with engine.adopt(spec) as sandbox:
        assert sandbox.container_id == container_id
        assert await sh(sandbox, "echo usable") == "usable\n"


async def test_a_container_that_was_never_started_is_not_adopted_and_goes(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient, runner_id: str
) -> None:
    spec = make_spec()
    labels = {"errand.managed": "1", "errand.runner": runner_id, "errand.sandbox": spec.sandbox_id}
    client.containers.create(spec.image, ["sleep", "1"], name=spec.sandbox_id, labels=labels)

    with pytest.raises(SandboxFailed, match="its container is created"):
        async with engine.adopt(spec):
            pass
    assert containers(client, runner_id) == []


async def test_a_container_that_ended_meanwhile_is_not_adopted_and_goes(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient, runner_id: str
) -> None:
    spec = make_spec()
    container_id = await left_by_a_killed_process(client, spec)
    client.containers.get(container_id).kill()

    with pytest.raises(SandboxFailed, match="its container is exited"):
        async with engine.adopt(spec, container_id):
            pass
    assert containers(client, runner_id) == []


async def test_without_a_container_there_is_nothing_to_adopt(engine: Engine, make_spec: MakeSpec) -> None:
    with pytest.raises(SandboxFailed, match="its container is gone"):
        async with engine.adopt(make_spec()):
            pass


async def test_a_container_of_another_image_is_not_adopted(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient, runner_id: str
) -> None:
    spec = make_spec()
    container_id = await left_by_a_killed_process(client, spec)
    tag = f"errand-test-{runner_id[-8:]}:newer"
    subprocess.run(
        ["docker", "build", "-q", "-t", tag, "--label", f"test={runner_id}", "-"],
        input=f"FROM {spec.image}\n".encode(),
        check=True,
        capture_output=True,
    )
    try:
        with pytest.raises(SandboxFailed, match=f"its image is no longer {tag}"):
            async with engine.adopt(replace(spec, image=tag), container_id):
                pass
    finally:
        client.images.remove(tag, noprune=True)
    assert containers(client, runner_id) == []


async def test_a_container_whose_image_is_gone_is_adopted(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient
) -> None:
    spec = make_spec()
    container_id = await left_by_a_killed_process(client, spec)
    gone = replace(spec, image="no-such-image:1")
    with pytest.raises(ImageMissing):
        await engine.check_image(gone.image)

    async with engine.adopt(gone, container_id) as sandbox:
        assert await sh(sandbox, "echo usable") == "usable\n"


@pytest.mark.parametrize("is_started", [True, False])
async def test_a_workspace_is_never_in_two_containers(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient, ids: Ids, is_started: bool
) -> None:
    spec = make_spec()
    volume = spec.workspace_id
    async with engine.open(spec) as sandbox:
        await sh(sandbox, "echo kept > note")
    # What another runner of this engine left, or an attempt that still dies.
    other = client.containers.create(
        spec.image,
        ["sleep", "600"],
        name=ids.new("sbx"),
        labels={"errand.managed": "1", "errand.runner": ids.new("rnr")},
        volumes={volume: {"bind": "/workspace", "mode": "rw"}},
    )
    if is_started:
        other.start()

    async with engine.open(make_spec(workspace_id=spec.workspace_id)) as sandbox:
        on_volume = client.containers.list(all=True, ignore_removed=True, filters={"volume": volume})
        assert [each.name for each in on_volume] == [sandbox.sandbox_id]
        assert await sh(sandbox, "cat note") == "kept\n"


async def test_the_guest_that_a_container_was_made_with_is_asked_for_its_version(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient, runner_id: str, state_dir: Path
) -> None:
    spec = make_spec()
    container_id = await left_by_a_killed_process(client, spec)
    # The folder stays for as long as a sandbox has it; here an older runner's stands in it.
    (guest,) = state_dir.glob("guest-*/guest/operations.py")
    guest.write_text(guest.read_text().replace("VERSION = ", "VERSION = 1000 + "))

    with pytest.raises(SandboxFailed, match="the supervisor did not start"):
        async with engine.adopt(spec, container_id):
            pass
    assert containers(client, runner_id) == []
