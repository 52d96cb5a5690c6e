"""Whatever is wrong with a scheduler's host, its start says what to do; a full disk later loses nothing."""

import asyncio
import os
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from grpc_health.v1 import health_pb2, health_pb2_grpc

from errand.v1 import task_pb2, task_service_pb2
from errand_common import rpc
from errand_common.errors import Exhausted, Unavailable
from errand_scheduler.folder import locked
from errand_scheduler.server import scheduler
from tests.integration.moved_clock import MovedClock
from tests.integration.refused import refused
from tests.integration.scheduling import (
    DEADLINE_S,
    Person,
    Stack,
    github_with_repository,
    inputs_event,
    message_event,
    phase_event,
    settings,
)
from tests.integration.small_disk import SmallDisk, small_disk
from tests.integration.starting import REFUSAL_S, Started, refused_start, started
from tests.standins.github import GitHubStandin

APP: dict[str, object] = {"ERRAND_GITHUB_CLIENT_ID": "Iv23test"}


async def test_with_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = await refused_start("scheduler", APP | {"ERRAND_DATA": tmp_path / "data", "ERRAND_LISTEN": address})

    assert f"cannot listen on ERRAND_LISTEN={address}: the port is in use, by another Errand or by something" in said
    assert f"ss -ltnp 'sport = :{address.partition(':')[2]}'" in said
    assert "or set ERRAND_LISTEN to a free port" in said


async def test_a_second_one_on_the_same_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with locked(data):
        said = await refused_start("scheduler", APP | {"ERRAND_DATA": data, "ERRAND_LISTEN": "127.0.0.1:0"})

    assert f"another process (process id {os.getpid()}) uses the data folder {data}" in said
    assert "is this scheduler running already? Stop it, or set ERRAND_DATA to another folder" in said
    assert list(data.iterdir()) == []


async def test_with_a_folder_that_cannot_be_used() -> None:
    said = await refused_start("scheduler", APP | {"ERRAND_DATA": "/dev/null/data"})

    assert "the data folder /dev/null/data cannot be used" in said
    assert "set ERRAND_DATA to one that can" in said


async def test_with_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    said = await refused_start("scheduler", APP | {"ERRAND_DATA": tmp_path / "data", "ERRAND_MIN_FREE_BYTES": 1 << 62})

    assert f"the disk of {tmp_path}/data is nearly full" in said
    assert "lower ERRAND_MIN_FREE_BYTES" in said


async def test_while_the_disk_is_nearly_full_nothing_new_is_taken_and_all_else_goes_on(tmp_path: Path) -> None:
    free, clock = {"bytes": 1 << 40}, MovedClock()
    async with AsyncExitStack() as contexts:
        github = await contexts.enter_async_context(github_with_repository(tmp_path / "github"))
        wanted = settings(tmp_path / "data", github, ERRAND_MIN_FREE_BYTES=str(1 << 30))
        served = scheduler(wanted, clock, free_bytes=lambda path: free["bytes"])
        running = await contexts.enter_async_context(reached(tmp_path / "data", github, served))
        person = await running.sign_in()
        project = await person.add_project()
        running_task, waiting = [await person.create(project.project_id) for _ in range(2)]
        runner = await contexts.enter_async_context(running.runner(slots=1))
        assignment = await runner.take()

        # The disk is looked at once a second.
        free["bytes"], clock.ahead_s = 1 << 29, 1.0
        words = await refused(person.create(project.project_id), Exhausted)
        assert "the disk of this Errand's scheduler is nearly full, so nothing new is taken" in words
        assert await refused(person.add_input(running_task.task_id, "also that"), Exhausted) == words
        ack = await runner.send(
            assignment.attempt, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING), inputs_event(assignment)
        )
        stopped = await person.stop(waiting.task_id)
        await runner.finish(assignment.attempt)
        free["bytes"], clock.ahead_s = 1 << 40, 2.0

        assert ack.acked_sequence == 2
        assert stopped.status == task_pb2.TASK_STATUS_CANCELLED
        assert (await person.task(running_task.task_id)).status == task_pb2.TASK_STATUS_COMPLETED
        after = await person.create(project.project_id)
        assert await all_tasks(person) == {running_task.task_id, waiting.task_id, after.task_id}


async def test_a_full_disk_loses_nothing_that_was_told_and_needs_no_restart(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data") as disk:
        async with github_with_repository(tmp_path / "github") as github, process(disk, github) as (running, service):
            person = await running.sign_in()
            project = await person.add_project()
            task, other = [await person.create(project.project_id) for _ in range(2)]
            async with running.runner(slots=1) as runner:
                assignment = await runner.take()
                ref = assignment.attempt
                told = await runner.send(ref, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING), inputs_event(assignment))
                disk.fill(service.process.pid)
                words = await refused(until_refused(person, project.project_id), Unavailable)
                assert "the scheduler cannot write" in words
                assert "nothing was changed; look at its disk" in words
                await service.until("storage_degraded")
                tasks_then = await all_tasks(person)
                large = message_event(task_pb2.ROLE_ASSISTANT, b'[{"type": "text", "text": "%s"}]' % (b"x" * 900_000))
                assert await refused(runner.send(ref, large), Unavailable) == words
                stopped = await person.stop(other.task_id)
                assert stopped.status == task_pb2.TASK_STATUS_CANCELLED
                assert await well(running) == {"TaskService": False, "FleetService": True, "": True}
                code, said = await asked_whether_it_is_well(disk)
                assert (code, "is full: what is there can be read and tasks can be stopped" in said) == (1, True), said

            disk.free(service.process.pid)
            await service.until("storage_recovered")

            async with running.runner(slots=1) as again:
                again.last_sequences[ref.attempt_id] = told.acked_sequence
                assert (await again.send(ref, large)).acked_sequence == told.acked_sequence + 1
                assert (await again.finish(ref)).error_reason == ""
            assert (await person.task(task.task_id)).status == task_pb2.TASK_STATUS_COMPLETED
            assert await all_tasks(person) == tasks_then
            assert (await person.create(project.project_id)).task_id not in tasks_then
            assert await well(running) == {"TaskService": True, "FleetService": True, "": True}
            assert await asked_whether_it_is_well(disk) == (0, "")
        with sqlite3.connect(disk.folder / "errand.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()


async def well(running: Stack) -> dict[str, bool]:
    """What gRPC's health says of the services that write, of one that does not, and of the whole."""
    stub = health_pb2_grpc.HealthStub(running.channel)
    found = {}
    for name in ("TaskService", "FleetService", ""):
        request = health_pb2.HealthCheckRequest(service=name and f"errand.v1.{name}")
        found[name] = (await stub.Check(request, timeout=DEADLINE_S)).status == health_pb2.HealthCheckResponse.SERVING
    return found


async def asked_whether_it_is_well(disk: SmallDisk) -> tuple[int | None, str]:
    """How `errand-scheduler healthy` ends, and what it says."""
    asked = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "errand_scheduler", "--log-format", "console", "healthy"),
        env={"PATH": os.environ["PATH"], "ERRAND_DATA": str(disk.folder), "ERRAND_GITHUB_CLIENT_ID": "Iv23test"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(REFUSAL_S):
        said, _ = await asked.communicate()
    return asked.returncode, said.decode()


async def until_refused(person: Person, project_id: str) -> None:
    """Writes until a page more is needed than there is."""
    for _ in range(200):
        await person.create(project_id, prompt="x" * 60_000)


async def all_tasks(person: Person) -> set[str]:
    request = task_service_pb2.ListTasksRequest(page_size=100)
    answer = await person.tasks.ListTasks(request, metadata=person.metadata, timeout=DEADLINE_S)
    return {task.task_id for task in answer.tasks}


@asynccontextmanager
async def reached(data: Path, github: GitHubStandin, served: AbstractAsyncContextManager[str]) -> AsyncIterator[Stack]:
    """The ways into a scheduler that a context serves."""
    async with served as address, rpc.channel(address, ca=(data / "tls" / "ca.pem").read_bytes()) as channel:
        yield Stack(data=data, address=address, channel=channel, github=github, stop=_nothing_to_stop)


@asynccontextmanager
async def process(disk: SmallDisk, github: GitHubStandin) -> AsyncIterator[tuple[Stack, Started]]:
    """A scheduler of its own with its data on the disk, and its process."""
    wanted = APP | {
        "ERRAND_DATA": disk.folder,
        "ERRAND_LISTEN": "127.0.0.1:0",
        "ERRAND_MIN_FREE_BYTES": 0,
        "ERRAND_GITHUB_URL": github.url,
        "ERRAND_GITHUB_API_URL": github.api_url,
        "ERRAND_ALLOWED_USERS": "octocat",
    }
    async with started("scheduler", wanted) as running:
        listens = await running.until("scheduler_listens")
        async with reached(disk.folder, github, _known(str(listens["address"]))) as stack:
            yield stack, running
        await running.stop()


@asynccontextmanager
async def _known(address: str) -> AsyncIterator[str]:
    yield address


async def _nothing_to_stop() -> None:
    """Whoever started it ends it."""
