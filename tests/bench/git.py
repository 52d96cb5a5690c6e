"""Git through the broker: what a clone and a push carry in a second, beside git that talks to the same host itself."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.broker.broker import Broker
from errand_runner.broker.lent import Credential, Lent
from errand_runner.broker.remote import Remote
from errand_runner.sandbox.docker import Engine, SandboxSpec
from tests.bench.person import open_bare_stack
from tests.bench.rows import Table
from tests.demo.stack import REPOSITORY, image_tag

CLONE_MB, PUSH_MB = 200, 50
GIT_S = 120.0

Run = Callable[[str], Awaitable[None]]

_PERSON = "-c user.name=a -c user.email=a@localhost"
# To look for what two random files have in common would take longer than to carry them.
_PLAIN = {"core.bigFileThreshold": "64k", "core.compression": "0"}
_PLAINLY = " ".join(f"-c {name}={value}" for name, value in _PLAIN.items())


@dataclass(frozen=True)
class Place:
    """Where git runs, and the address that it clones from."""

    name: str
    run: Run
    remote: str
    branch: str


async def measure_git(table: Table, rounds: int) -> None:
    """Each round clones and pushes in both places. What is carried does not compress."""
    async with _open_both() as (direct, through):
        for _ in range(rounds):
            for place in (direct, through):
                await _round(table, place, peer="" if place is direct else direct.name)


async def _round(table: Table, place: Place, *, peer: str) -> None:
    goal = "0.7 or more" if peer else ""
    clone_s = await _timed(place, f"git clone -q {place.remote} repo")
    table.add(f"clone, {place.name}", CLONE_MB / clone_s, unit="MB/s", peer=peer and f"clone, {peer}", goal=goal)
    await place.run(
        f"cd repo && git checkout -qb {place.branch} && head -c {PUSH_MB << 20} /dev/urandom > more"
        f" && git {_PLAINLY} add more && git {_PERSON} commit -qm more"
    )
    push_s = await _timed(place, f"cd repo && git {_PLAINLY} push -qf origin HEAD:{place.branch}")
    table.add(f"push, {place.name}", PUSH_MB / push_s, unit="MB/s", peer=peer and f"push, {peer}", goal=goal)
    await place.run("rm -rf repo")


async def _timed(place: Place, script: str) -> float:
    started_s = time.perf_counter()
    await place.run(script)
    return time.perf_counter() - started_s


@asynccontextmanager
async def _open_both() -> AsyncIterator[tuple[Place, Place]]:
    """A host of one large repository; a container that reaches it, and a sandbox that reaches the broker alone."""
    async with open_bare_stack(image_tag()) as stack:
        url, token = f"{stack.github['url']}/{REPOSITORY}.git", stack.github["token"]
        inside_url = url.replace("://", f"://x-access-token:{token}@")
        await _fill(stack.folder, inside_url)
        async with _outside(stack.image) as run_outside, _sandbox(stack.folder, stack.image, url, token) as through:
            yield Place("git direct", run_outside, inside_url, "direct"), through


async def _fill(folder: Path, url: str) -> None:
    """Make the host's one repository large, and have it pack plainly."""
    (bare,) = (path for path in (folder / "github").rglob("*.git") if path.is_dir())
    settings = "".join(f"git -C {bare} config {name} {value}\n" for name, value in _PLAIN.items())
    filling = folder / "filling"
    script = f"""set -e
        {settings}
        git clone -q {url} {filling} && cd {filling}
        for number in $(seq 16); do head -c {CLONE_MB << 16} /dev/urandom > large.$number; done
        git {_PLAINLY} add . && git {_PERSON} commit -qm large && git {_PLAINLY} push -q"""
    await asyncio.to_thread(subprocess.run, ["bash", "-c", script], check=True)


@asynccontextmanager
async def _outside(image: str) -> AsyncIterator[Run]:
    """An ordinary container in the host's network, with a volume as a sandbox has it."""
    start = ["docker", "run", "--detach", "--rm", "--network", "host", "--volume", "/workspace", image, "sleep", "900"]
    made = await asyncio.to_thread(subprocess.run, start, check=True, capture_output=True, text=True)
    container = made.stdout.strip()

    async def run(script: str) -> None:
        command = ["docker", "exec", "--workdir", "/workspace", container, "bash", "-c", script]
        await asyncio.to_thread(subprocess.run, command, check=True, timeout=GIT_S)

    try:
        yield run
    finally:
        await asyncio.to_thread(subprocess.run, ["docker", "rm", "--force", container], check=True, capture_output=True)


@asynccontextmanager
async def _sandbox(folder: Path, image: str, url: str, token: str) -> AsyncIterator[Place]:
    ids, branch = Ids(Clock()), "errand/through"

    async def lend(*, refused_lent_id: str) -> Credential:
        return Credential("x-access-token", token)

    remote = Remote(REPOSITORY, url, Lent(lend, now_s=Clock().boot_s), frozenset({f"refs/heads/{branch}"}))
    spec = SandboxSpec(
        sandbox_id=ids.new("sbx"),
        workspace_id=ids.new("wsp"),
        task_id=ids.new("tsk"),
        runner_id=ids.new("rnr"),
        image=image,
        socket_dir=folder / "s",
    )
    broker = Broker(socket_dir=folder / "s", remotes=[remote], allow=lambda: True, holds=lambda: True)
    async with Engine.connect(state_dir=folder) as engine:
        try:
            async with broker, engine.open(spec) as sandbox:

                async def run(script: str) -> None:
                    command = ["bash", "-c", script]
                    done = await sandbox.supervisor.capture(command, cwd="/workspace", timeout_s=GIT_S)
                    if done.exit.code != 0:
                        raise AssertionError(f"{script}: {done.stderr.decode(errors='replace')}")

                yield Place("git through the broker", run, broker.remote_url, branch)
        finally:
            await engine.remove_workspace(spec.workspace_id)
