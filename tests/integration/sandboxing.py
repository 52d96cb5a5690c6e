"""What the tests of sandboxes share: an engine, the sandboxes that a test asks for, and a look at their containers."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import docker

from errand_common.ids import Ids
from errand_runner.sandbox.docker import Sandbox, SandboxSpec
from errand_runner.sandbox.limits import Limits

MakeSpec = Callable[..., SandboxSpec]

SMALL = Limits(memory_bytes=256 << 20, cpus=1.0, pids=128)


def spec_maker(ids: Ids, *, runner_id: str, state_dir: Path, image: str) -> MakeSpec:
    """Makes specs that are small enough for a test, each with a socket folder."""

    def make(
        *, workspace_id: str | None = None, image: str = image, limits: Limits = SMALL, patience_s: int = 600
    ) -> SandboxSpec:
        socket_dir = state_dir / ids.new("sbx")
        socket_dir.mkdir()
        return SandboxSpec(
            sandbox_id=ids.new("sbx"),
            workspace_id=workspace_id or ids.new("wsp"),
            task_id=ids.new("tsk"),
            runner_id=runner_id,
            image=image,
            socket_dir=socket_dir,
            limits=limits,
            patience_s=patience_s,
        )

    return make


async def sh(sandbox: Sandbox, script: str, *, timeout_s: float = 20) -> str:
    """What a script says."""
    done = await sandbox.supervisor.capture(["bash", "-c", script], cwd="/workspace", timeout_s=timeout_s)
    return (done.stdout + done.stderr).decode()


def containers(client: docker.DockerClient, runner_id: str) -> list[str]:
    """The names of a runner's containers, running or not."""
    found = client.containers.list(all=True, ignore_removed=True, filters={"label": f"errand.runner={runner_id}"})
    return [container.name or "" for container in found]


async def until_stdout_has(process: "asyncio.subprocess.Process", word: str) -> str:
    """The next line of a process that begins with the word, without it."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while line := (await process.stdout.readline()).decode():
            if line.startswith(word):
                return line.removeprefix(word).strip()
    raise AssertionError(f"it ended before it said {word}")


def image_without_python(base: str, tag: str) -> None:
    """Builds it."""
    dockerfile = f"FROM {base}\nRUN rm -f /usr/bin/python3*\n"
    subprocess.run(
        ["docker", "build", "-q", "-t", tag, "-"], input=dockerfile.encode(), check=True, capture_output=True
    )
