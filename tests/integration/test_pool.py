"""Sandboxes made ahead: handed over once and clean, made when nothing better is to do, and never left behind."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import docker
import pytest

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.journal import Entry, Journal
from errand_runner.leftovers import Leftovers
from errand_runner.lodging import Lodged
from errand_runner.pool import Pool
from errand_runner.sandbox.docker import Engine, Sandbox, SandboxSpec
from errand_runner.sandbox.limits import Limits
from tests.integration.lodging_host import Host, next_process
from tests.integration.sandboxing import containers, sh, until_stdout_has

REUSED = "/workspace/note"


@dataclass
class Around:
    """What the pool is told of its host."""

    free: int = 2
    has_room: bool = True
    pools: list[Pool] = field(default_factory=list)

    @property
    def pool(self) -> Pool:
        return self.pools[-1]


@pytest.fixture
def around() -> Around:
    return Around()


@pytest.fixture
async def host(
    engine: Engine, runner_id: str, sandbox_image: str, state_dir: Path, ids: Ids, around: Around
) -> AsyncGenerator[Host]:
    """A runner's process with a pool of one."""
    opening = next_process(engine, runner_id, sandbox_image, state_dir, ids.new("tsk"), ids.new("att"))
    async with opening as first, pooled(first, around):
        yield first


@asynccontextmanager
async def pooled(
    host: Host, around: Around, *, image: str = "", look_s: float = 0.05, settle_s: float = 0.0
) -> AsyncIterator[Pool]:
    image = image or host.image
    pool = Pool(
        host.engine,
        wanted={image: 1},
        new_spec=new_spec,
        ids=Ids(Clock()),
        clock=Clock(),
        socket_root=host.folder / "s",
        free_slots=lambda: around.free,
        has_room=lambda: around.has_room,
        look_s=look_s,
        settle_s=settle_s,
    )
    pool.begin(host.runner_id)
    around.pools.append(pool)
    host.made_ahead = lambda: pool.take(image)
    running = asyncio.ensure_future(pool.run())
    try:
        yield pool
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def new_spec(sandbox_id: str, workspace_id: str, socket_dir: Path, image: str, runner_id: str) -> SandboxSpec:
    return SandboxSpec(
        sandbox_id=sandbox_id,
        workspace_id=workspace_id,
        task_id="",
        runner_id=runner_id,
        image=image,
        socket_dir=socket_dir,
        limits=Limits(memory_bytes=256 << 20),
        patience_s=600,
    )


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.02)


def waits(pool: Pool) -> Callable[[], bool]:
    return lambda: pool.waiting == 1


@asynccontextmanager
async def another_task(host: Host) -> AsyncIterator[Sandbox]:
    """At work beside the host's own."""
    ids = Ids(Clock())
    beside = replace(host, task_id=ids.new("tsk"), attempt_id=ids.new("att"))
    beside.leases.renew((beside.attempt_id,), asked_s=Clock().boot_s())
    async with beside.lodged() as sandbox:
        yield sandbox


def others(client: docker.DockerClient, sandbox: Sandbox) -> list[str]:
    """The processes of a sandbox that are none of its own."""
    listed = client.containers.get(sandbox.container_id).top()["Processes"]
    return [row[-1] for row in listed if "/run/broker/alive" not in row[-1] and "/opt/errand" not in row[-1]]


async def test_what_waits_is_handed_over_clean_and_once(
    host: Host, around: Around, client: docker.DockerClient
) -> None:
    await until(waits(around.pool))
    (made_ahead,) = containers(client, host.runner_id)
    assert Journal(host.folder / "sandboxes").entries == ()

    async with host.lodged() as sandbox:
        assert sandbox.sandbox_id == made_ahead
        (written,) = Journal(host.folder / "sandboxes").entries
        assert written == Entry(made_ahead, host.attempt_id, sandbox.container_id)
        (mounted,) = (
            mount["Name"]
            for mount in client.containers.get(sandbox.container_id).attrs["Mounts"]
            if mount["Type"] == "volume"
        )
        assert mounted == host.workspace_id
        assert await sh(sandbox, "ls -A /workspace/home /tmp") == "/tmp:\n\n/workspace/home:\n"
        uid = client.volumes.get(mounted).attrs["Labels"]["errand.uid"]
        assert await sh(sandbox, "id -u") == f"{uid}\n"
        # The lifeline and its sleep, the supervisor and what it keeps ready; and, for a moment, a command that ends.
        await until(lambda: others(client, sandbox) in ([], ["sleep 10"]))
        await until(waits(around.pool))
        async with another_task(host) as other:
            assert other.sandbox_id != made_ahead
            assert await sh(other, "ls -A /workspace") == "home\n"
    assert made_ahead not in containers(client, host.runner_id), "used once"


async def test_two_tasks_at_once_never_get_the_same_one(host: Host, around: Around) -> None:
    await until(waits(around.pool))
    async with AsyncExitStack() as stack:
        sandboxes = [await stack.enter_async_context(another_task(host)) for _ in range(2)]
        assert len({sandbox.sandbox_id for sandbox in sandboxes}) == 2
        assert len({await sh(sandbox, "id -u") for sandbox in sandboxes}) == 2
    taken = await asyncio.gather(around.pool.take(host.image), around.pool.take(host.image))
    assert taken.count(None) >= 1
    for warm in taken:
        if warm is not None:
            warm.end()


async def test_a_task_with_a_workspace_starts_cold_on_it(host: Host, around: Around) -> None:
    async with host.lodged() as sandbox:
        await sh(sandbox, f"echo kept > {REUSED}")
    await until(waits(around.pool))
    async with host.lodged() as sandbox:
        assert await sh(sandbox, f"cat {REUSED}") == "kept\n"
        assert around.pool.waiting == 1


async def test_while_an_attempt_begins_nothing_is_made_beside_it(host: Host, around: Around) -> None:
    await until(waits(around.pool))
    with around.pool.starting():
        async with host.lodged():
            await asyncio.sleep(0.3)
            assert around.pool.waiting == 0
    await until(waits(around.pool))


async def test_when_a_beginning_is_over_and_the_rest_after_it_the_next_is_made_without_another_look(
    engine: Engine, runner_id: str, sandbox_image: str, state_dir: Path, ids: Ids, around: Around
) -> None:
    opening = next_process(engine, runner_id, sandbox_image, state_dir, ids.new("tsk"), ids.new("att"))
    async with opening as host, pooled(host, around, look_s=600.0, settle_s=0.2) as pool:
        with pool.starting():
            await asyncio.sleep(0)
        await until(waits(pool))


async def test_the_pool_steps_back_when_all_slots_are_busy_and_comes_back(
    host: Host, around: Around, client: docker.DockerClient
) -> None:
    await until(waits(around.pool))
    around.free = 0
    await until(lambda: containers(client, host.runner_id) == [])
    await until(lambda: list((host.folder / "s").iterdir()) == [])
    ours = {"label": f"errand.runner={host.runner_id}"}
    await until(lambda: client.volumes.list(filters=ours) == [])
    around.free = 1
    await until(waits(around.pool))


async def test_without_memory_to_spare_nothing_is_made(host: Host, around: Around) -> None:
    await until(waits(around.pool))
    around.has_room = False
    async with host.lodged():
        await asyncio.sleep(0.3)
    assert around.pool.waiting == 0


async def test_one_whose_supervisor_died_is_not_handed_over(
    host: Host, around: Around, client: docker.DockerClient
) -> None:
    await until(waits(around.pool))
    (made_ahead,) = containers(client, host.runner_id)
    client.containers.get(made_ahead).kill()
    async with host.lodged() as sandbox:
        assert sandbox.sandbox_id != made_ahead
        assert await sh(sandbox, "echo usable") == "usable\n"


async def test_one_of_an_image_that_is_another_by_now_is_replaced(
    host: Host, around: Around, client: docker.DockerClient, runner_id: str
) -> None:
    tag = f"errand-test-{runner_id[-8:]}:pool"
    client.images.get(host.image).tag(tag)
    try:
        async with pooled(host, around, image=tag) as pool:
            await until(waits(pool))
            old = {name for name in containers(client, runner_id) if name in pool}
            dockerfile = f"FROM {host.image}\nLABEL test={runner_id}\n".encode()
            subprocess.run(["docker", "build", "-q", "-t", tag, "-"], input=dockerfile, check=True, capture_output=True)
            await until(lambda: pool.waiting == 1 and not any(name in pool for name in old))
    finally:
        client.images.remove(tag, noprune=True)


async def test_the_sweep_takes_nothing_that_waits(host: Host, around: Around, client: docker.DockerClient) -> None:
    await until(waits(around.pool))
    leftovers = Leftovers(
        host.engine,
        host.journal,
        host.book,
        host.leases,
        socket_root=host.folder / "s",
        others=(around.pool,),
    )
    await leftovers.begin(host.runner_id)
    await host.engine.sweep_workspaces(host.runner_id, host.book.names, most=20)

    async with host.lodged() as sandbox:
        assert await sh(sandbox, "echo usable > note; cat note") == "usable\n"


async def test_a_stop_leaves_nothing(host: Host, around: Around, client: docker.DockerClient) -> None:
    async with pooled(host, around) as second:
        await until(waits(second))
        assert len([name for name in containers(client, host.runner_id) if name in second]) == 1
    assert not [name for name in containers(client, host.runner_id) if name in second]


KILLED = """
import asyncio, sys
from pathlib import Path
from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.pool import Pool
from errand_runner.sandbox.docker import Engine
from tests.integration.test_pool import new_spec

async def main(folder, image, runner_id):
    (folder / "s").mkdir(exist_ok=True)
    async with Engine.connect(state_dir=folder) as engine:
        pool = Pool(engine, wanted={image: 1}, new_spec=new_spec, ids=Ids(Clock()), clock=Clock(),
                    socket_root=folder / "s", free_slots=lambda: 2, has_room=lambda: True, look_s=0.05)
        pool.begin(runner_id)
        async with asyncio.TaskGroup() as group:
            group.create_task(pool.run())
            while not pool.waiting:
                await asyncio.sleep(0.02)
            print("waits", flush=True)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
"""


async def test_what_a_killed_process_had_made_ahead_is_swept_by_the_next(
    engine: Engine, runner_id: str, sandbox_image: str, state_dir: Path, ids: Ids, client: docker.DockerClient
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", KILLED, str(state_dir), sandbox_image, runner_id),
        stdout=asyncio.subprocess.PIPE,
    )
    await until_stdout_has(process, "waits")
    process.kill()
    await process.communicate()
    assert len(containers(client, runner_id)) == len(list((state_dir / "s").iterdir())) == 1

    opening = next_process(engine, runner_id, sandbox_image, state_dir, ids.new("tsk"), ids.new("att"))
    async with opening as following:
        await following.leftovers.begin(runner_id)
        assert containers(client, runner_id) == []
        assert list((state_dir / "s").iterdir()) == []
        await engine.sweep_workspaces(runner_id, following.book.names, most=20)
        assert [volume for volume in await engine.workspaces() if volume.runner_id == runner_id] == []


async def test_a_handed_over_one_that_is_lost_is_replaced_on_its_workspace(
    host: Host, around: Around, client: docker.DockerClient
) -> None:
    await until(waits(around.pool))
    lodging = host.lodging(host.recorder())
    async with lodging.workspace(), AsyncExitStack() as stack:
        sandbox, _ = await lodging.open(stack)
        await sh(sandbox, f"echo kept > {REUSED}")
        await sandbox.reattach()
        assert await sh(sandbox, f"cat {REUSED}") == "kept\n"
        client.containers.get(sandbox.container_id).kill()
        await stack.aclose()
        second: Lodged = await lodging.open_new(stack)
        assert await sh(second[0], f"cat {REUSED}") == "kept\n"
        assert second[0].sandbox_id != sandbox.sandbox_id
