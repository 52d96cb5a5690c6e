"""A frozen sandbox does nothing at all, and no time limit of what runs in it goes on."""

import asyncio
import time
from contextlib import aclosing

import docker
import pytest

from errand_runner.sandbox.docker import Engine, Sandbox
from errand_runner.sandbox.supervisor import Exit, SandboxGone
from tests.integration.sandboxing import MakeSpec, containers, sh


def is_paused(client: docker.DockerClient, sandbox: Sandbox) -> bool:
    return bool(client.api.inspect_container(sandbox.container_id)["State"]["Paused"])


async def test_a_pause_counts_against_no_command(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient
) -> None:
    async with engine.open(make_spec()) as sandbox:
        tick = "for i in $(seq 10); do echo $i; sleep 0.1; done"
        items = []
        async with aclosing(sandbox.supervisor.run(["bash", "-c", tick], cwd="/workspace", timeout_s=4)) as running:
            items.append(await anext(running))
            await sandbox.freeze()
            await sandbox.freeze()
            assert is_paused(client, sandbox)
            # Longer than the command may take.
            await asyncio.sleep(5)
            await sandbox.thaw()
            await sandbox.thaw()
            assert not is_paused(client, sandbox)
            items += [item async for item in running]

        ended = items[-1]
        assert isinstance(ended, Exit)
        assert (ended.code, ended.timed_out) == (0, False)
        assert ended.duration_s < 4
        assert await sh(sandbox, "echo usable") == "usable\n"


async def test_after_a_pause_time_limits_hold_again(engine: Engine, make_spec: MakeSpec) -> None:
    async with engine.open(make_spec()) as sandbox:
        # However long the pause takes to come, none of the command's time runs before it.
        await sandbox.supervisor.hold()
        command = asyncio.ensure_future(sandbox.supervisor.capture(["sleep", "600"], cwd="/workspace", timeout_s=0.5))
        await sh(sandbox, "true")
        await sandbox.freeze()
        await asyncio.sleep(1)
        assert not command.done()
        await sandbox.thaw()
        ended = (await command).exit

    assert ended.timed_out
    assert ended.duration_s > 0.4


async def test_what_is_asked_of_a_frozen_sandbox_is_answered_after_the_thaw(
    engine: Engine, make_spec: MakeSpec
) -> None:
    async with engine.open(make_spec()) as sandbox:
        await sandbox.freeze()
        asked = asyncio.ensure_future(sh(sandbox, "echo late", timeout_s=3))
        # Longer than it may take.
        await asyncio.sleep(4)
        assert not asked.done()
        await sandbox.thaw()
        assert await asked == "late\n"


async def test_a_frozen_sandbox_is_given_up_at_once(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient, runner_id: str
) -> None:
    async def use() -> None:
        async with engine.open(make_spec()) as sandbox:
            command = asyncio.ensure_future(sh(sandbox, "sleep 600", timeout_s=600))
            await sh(sandbox, "true")
            await sandbox.freeze()
            frozen.set()
            await command

    frozen = asyncio.Event()
    task = asyncio.ensure_future(use())
    await frozen.wait()
    began = time.monotonic()
    task.cancel()
    with pytest.raises((asyncio.CancelledError, SandboxGone)):
        await task
    # Not when the command would have ended.
    assert time.monotonic() - began < 60
    assert containers(client, runner_id) == []


async def test_freezing_what_is_gone_already_is_no_error(
    engine: Engine, make_spec: MakeSpec, client: docker.DockerClient
) -> None:
    async with engine.open(make_spec()) as sandbox:
        client.containers.get(sandbox.container_id).remove(force=True)
        await sandbox.freeze()
        await sandbox.thaw()
