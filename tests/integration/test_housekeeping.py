"""What is nobody's goes from the engine, and nothing else does, whatever happens at that moment."""

import asyncio
import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.book import Book
from errand_runner.housekeeping import Housekeeping
from errand_runner.journal import Journal
from errand_runner.lease import Leases
from errand_runner.leftovers import Leftovers
from errand_runner.retention import KeptFor, Retention
from errand_runner.sandbox.docker import Engine, SandboxFailed
from tests.e2e.engine_proxy import engine_proxy
from tests.integration.sandboxing import MakeSpec


@pytest.fixture
def book(state_dir: Path) -> Book:
    return Book(state_dir / "workspaces", Clock())


@pytest.fixture
def house(engine: Engine, book: Book, state_dir: Path) -> Housekeeping:
    return keeping(engine, book, state_dir)


def keeping(engine: Engine, book: Book, folder: Path) -> Housekeeping:
    leftovers = Leftovers(engine, Journal(folder / "sandboxes"), book, Leases(Clock()), socket_root=folder)
    retention = Retention(engine, book, clock=Clock(), limits=KeptFor(7, 50), is_short=lambda: False)
    return Housekeeping(engine, book, retention, leftovers, clock=Clock(), state_dir=folder)


def volume(client: docker.DockerClient, ids: Ids, runner_id: str) -> str:
    name = ids.new("wsp")
    client.volumes.create(name, labels={"errand.managed": "1", "errand.runner": runner_id, "errand.uid": "200778"})
    return name


def volumes(client: docker.DockerClient, runner_id: str) -> set[str]:
    return {each.name for each in client.volumes.list(filters={"label": f"errand.runner={runner_id}"})}


@pytest.fixture
def foreign(client: docker.DockerClient, ids: Ids) -> Iterator[str]:
    """Another runner of this host; what it still has at the end goes."""
    runner_id = ids.new("rnr")
    yield runner_id
    for container in client.containers.list(
        all=True, ignore_removed=True, filters={"label": f"errand.runner={runner_id}"}
    ):
        container.remove(force=True)
    for left in client.volumes.list(filters={"label": f"errand.runner={runner_id}"}):
        left.remove()


async def test_a_volume_of_nobody_goes_and_those_in_the_book_with_a_container_or_of_another_runner_stay(
    engine: Engine,
    book: Book,
    house: Housekeeping,
    make_spec: MakeSpec,
    client: docker.DockerClient,
    ids: Ids,
    runner_id: str,
    foreign: str,
) -> None:
    nobodys, kept, theirs = (volume(client, ids, each) for each in (runner_id, runner_id, foreign))
    book.give(ids.new("tsk"), kept)
    # As one that waits for a task.
    async with engine.open(spec := make_spec()):
        await house.tidy(runner_id)
        assert volumes(client, runner_id) == {kept, spec.workspace_id}
        assert volumes(client, foreign) == {theirs}
    await house.tidy(runner_id)

    assert nobodys not in volumes(client, runner_id)
    assert volumes(client, runner_id) == {kept}


async def test_a_workspace_that_is_being_made_is_not_swept_away(
    engine: Engine, house: Housekeeping, make_spec: MakeSpec, client: docker.DockerClient, runner_id: str
) -> None:
    async def use() -> None:
        async with engine.open(spec):
            pass

    spec = make_spec()
    # Whoever writes to it waits for a reader: the volume is there, and no container yet.
    os.mkfifo(spec.socket_dir / "alive")
    opening = asyncio.ensure_future(use())
    async with asyncio.timeout(60):
        while not volumes(client, runner_id):
            await asyncio.sleep(0.01)
    await house.tidy(runner_id)
    assert volumes(client, runner_id) == {spec.workspace_id}

    reader = os.open(spec.socket_dir / "alive", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(SandboxFailed, match="see to the disk"):
        await opening
    os.close(reader)
    await house.tidy(runner_id)
    assert volumes(client, runner_id) == set()


async def test_while_a_record_cannot_be_read_no_volume_is_called_nobodys(
    engine: Engine, state_dir: Path, client: docker.DockerClient, ids: Ids, runner_id: str
) -> None:
    name = volume(client, ids, runner_id)
    (state_dir / "workspaces").mkdir()
    record = state_dir / "workspaces" / f"{ids.new('tsk')}.json"
    record.write_text("")

    await keeping(engine, Book(state_dir / "workspaces", Clock()), state_dir).tidy(runner_id)
    assert volumes(client, runner_id) == {name}

    record.unlink()
    await keeping(engine, Book(state_dir / "workspaces", Clock()), state_dir).tidy(runner_id)
    assert volumes(client, runner_id) == set()


async def test_what_another_runner_left_goes_a_day_after_its_time(
    house: Housekeeping, client: docker.DockerClient, sandbox_image: str, runner_id: str, foreign: str
) -> None:
    now = int(time.time())
    for name, expires in (("long", now - 90_000), ("lately", now - 3600), ("later", now + 60), ("odd", "soon")):
        labels = {"errand.managed": "1", "errand.runner": foreign, "errand.expires": str(expires)}
        client.containers.create(sandbox_image, ["true"], name=f"{foreign}-{name}", labels=labels)

    await house.tidy(runner_id)

    left = client.containers.list(all=True, ignore_removed=True, filters={"label": f"errand.runner={foreign}"})
    assert {str(each.name).rpartition("-")[2] for each in left} == {"lately", "later", "odd"}


async def test_a_guest_that_was_half_made_goes_and_one_that_is_being_made_stays(
    house: Housekeeping, state_dir: Path, runner_id: str
) -> None:
    old, new = state_dir / ".guest-old", state_dir / ".guest-new"
    for folder in (old, new):
        (folder / "new").mkdir(parents=True)
    os.utime(old, (time.time() - 4000,) * 2)
    before = set(state_dir.glob("guest-*"))

    await house.tidy(runner_id)

    assert not old.exists()
    assert new.exists()
    assert set(state_dir.glob("guest-*")) == before


# The SDK leaves the socket open with which it could not connect.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_engine_that_does_not_answer_removes_and_forgets_nothing(
    engine: Engine, book: Book, state_dir: Path, client: docker.DockerClient, ids: Ids, runner_id: str
) -> None:
    name = volume(client, ids, runner_id)
    book.give(task_id := ids.new("tsk"), ids.new("wsp"))
    async with engine_proxy(state_dir) as proxy, Engine.connect(state_dir=state_dir, base_url=proxy.docker_host) as cut:
        house = keeping(cut, book, state_dir)
        await proxy.take_away()
        await house.tidy(runner_id)
        assert volumes(client, runner_id) == {name}
        assert book.of(task_id) is not None

        await proxy.bring_back()
        await house.tidy(runner_id)
        assert volumes(client, runner_id) == set()
    gc.collect()
