"""Wherever a process was killed on the way to a sandbox, the next one ends up with one container on the workspace."""

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import docker
import pytest

from errand_common.errors import Unavailable
from errand_common.ids import Ids
from errand_runner.journal import Entry, Journal, JournalFailed
from errand_runner.sandbox.docker import Engine
from tests.e2e.engine_proxy import engine_proxy
from tests.integration.lodging_host import Host, leave, next_process
from tests.integration.sandboxing import containers, sh


@pytest.fixture
async def host(engine: Engine, runner_id: str, sandbox_image: str, state_dir: Path, ids: Ids) -> AsyncGenerator[Host]:
    async with next_process(engine, runner_id, sandbox_image, state_dir, ids.new("tsk"), ids.new("att")) as first:
        yield first


@asynccontextmanager
async def after(host: Host) -> AsyncIterator[Host]:
    """The next process, which the scheduler told to keep the attempt."""
    opening = next_process(host.engine, host.runner_id, host.image, host.folder, host.task_id, host.attempt_id)
    async with opening as following:
        await following.leftovers.begin(host.runner_id)
        yield following


async def with_workspace(host: Host) -> None:
    """The volume is there, as an earlier turn left it."""
    async with host.lodged() as sandbox:
        await sh(sandbox, "echo kept > note")


@pytest.mark.parametrize(
    ("until", "adopted"), [("prepared", False), ("made", False), ("started", True), ("written down", True)]
)
async def test_what_a_killed_process_left_is_adopted_or_replaced(
    host: Host, client: docker.DockerClient, ids: Ids, until: str, adopted: bool
) -> None:
    await with_workspace(host)
    left = leave(host, client, ids, until=until)

    async with after(host) as process, process.lodged() as sandbox:
        assert (sandbox.container_id == left) is adopted
        assert await sh(sandbox, "cat note") == "kept\n"
        on_volume = client.containers.list(all=True, ignore_removed=True, filters={"volume": host.workspace_id})
        assert [each.name for each in on_volume] == [sandbox.sandbox_id]
        assert [path.name for path in (host.folder / "s").iterdir()] == [sandbox.sandbox_id]
        told = process.told()
        assert (told.count("sandbox_adopted"), "sandbox_opened" in told[2:]) == ((1, False) if adopted else (0, True))
    assert containers(client, host.runner_id) == []
    assert list((host.folder / "s").iterdir()) == []
    assert list((host.folder / "sandboxes").iterdir()) == []


async def test_an_attempt_that_the_scheduler_gave_up_leaves_nothing(
    host: Host, client: docker.DockerClient, ids: Ids
) -> None:
    await with_workspace(host)
    leave(host, client, ids, until="written down")
    host.leases.drop(host.attempt_id)

    await host.leftovers.begin(host.runner_id)

    # This process's own journal says that it is at work; the next one's does not.
    assert len(containers(client, host.runner_id)) == 1
    opening = next_process(host.engine, host.runner_id, host.image, host.folder, host.task_id, host.attempt_id)
    async with opening as following:
        following.leases.drop(host.attempt_id)
        await following.leftovers.begin(host.runner_id)
        assert containers(client, host.runner_id) == []
        assert list((host.folder / "s").iterdir()) == []
        assert list(following.journal.entries) == []


async def test_what_is_lost_later_is_removed_without_another_start(
    host: Host, client: docker.DockerClient, ids: Ids
) -> None:
    await with_workspace(host)
    leave(host, client, ids, until="written down")
    async with after(host) as process, AsyncExitStack() as stack:
        assert len(containers(client, host.runner_id)) == 1
        leftovers = process.leftovers
        process.leases.beat_s = 0.01
        await leftovers.begin(host.runner_id)
        watching = asyncio.ensure_future(leftovers.watch())
        stack.callback(watching.cancel)
        process.leases.drop(host.attempt_id)
        async with asyncio.timeout(60):
            while containers(client, host.runner_id):
                await asyncio.sleep(0.05)


# The SDK leaves the socket open with which it could not connect.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_without_docker_nothing_is_said_of_containers(
    host: Host, client: docker.DockerClient, ids: Ids, state_dir: Path
) -> None:
    await with_workspace(host)
    leave(host, client, ids, until="written down")
    async with engine_proxy(state_dir) as proxy, Engine.connect(state_dir=state_dir, base_url=proxy.docker_host) as cut:
        await proxy.take_away()
        opening = next_process(cut, host.runner_id, host.image, host.folder, host.task_id, host.attempt_id)
        async with opening as following:
            following.leases.drop(host.attempt_id)
            with pytest.raises(Unavailable, match="went away"):
                await following.leftovers.begin(host.runner_id)
            assert [entry.attempt_id for entry in following.journal.entries] == [host.attempt_id]
            assert len(list((host.folder / "s").iterdir())) == 1

            await proxy.bring_back()
            await following.leftovers.begin(host.runner_id)
            assert list(following.journal.entries) == []
            assert containers(client, host.runner_id) == []
    gc.collect()


async def test_a_sandbox_is_written_down_while_it_lives(host: Host) -> None:
    async with host.lodged() as sandbox:
        written = Journal(host.folder / "sandboxes").entries
        assert written == (Entry(sandbox.sandbox_id, host.attempt_id, sandbox.container_id),)
        assert host.told()[:2] == ["step_started", "sandbox_opened"]
    assert Journal(host.folder / "sandboxes").entries == ()


async def test_a_follow_up_comes_back_to_its_workspace_in_the_next_process_too(host: Host) -> None:
    await with_workspace(host)
    first = host.workspace_id
    async with after(host) as process, process.lodged() as sandbox:
        assert process.workspace_id == first
        assert await sh(sandbox, "cat note") == "kept\n"


async def test_a_volume_of_before_there_was_a_book_is_its_tasks_still(host: Host, client: docker.DockerClient) -> None:
    old = f"errand-{host.task_id}"
    labels = {
        "errand.managed": "1",
        "errand.runner": host.runner_id,
        "errand.task": host.task_id,
        "errand.uid": "200777",
    }
    client.volumes.create(old, labels=labels)

    await host.leftovers.begin(host.runner_id)

    assert host.workspace_id == old
    async with host.lodged() as sandbox:
        assert await sh(sandbox, "id -u") == "200777\n"


async def test_a_workspace_that_nobody_could_write_down_is_not_made(host: Host, client: docker.DockerClient) -> None:
    (host.folder / "workspaces").rmdir()
    with pytest.raises(JournalFailed, match="see to the disk that holds ERRAND_DATA"):
        async with host.lodged():
            pass

    assert containers(client, host.runner_id) == []
    assert host.runner_id not in [each.runner_id for each in await host.engine.workspaces()]
