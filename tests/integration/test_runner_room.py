"""A runner whose disk fills up begins no more tasks, says so, and goes on by itself once there is room again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from errand.v1 import task_pb2
from errand_common.clock import Clock
from errand_common.disk import Room
from errand_runner.book import Book
from errand_runner.config import RunnerSettings
from errand_runner.host import Host
from errand_runner.sandbox.docker import Engine
from errand_runner.serving import serve
from tests.integration.scheduling import Stack, new_task
from tests.standins.claude import ClaudeStandin
from tests.standins.claude.scripts import run_command


@dataclass
class Disk:
    """As free as the test says. `looked_at` are the paths whose disks were asked for."""

    free: int
    looked_at: set[Path] = field(default_factory=set)

    def __call__(self, path: Path) -> int:
        self.looked_at.add(path)
        return self.free


@asynccontextmanager
async def runner(running: Stack, folder: Path, image: str, disk: Disk, task_id: str) -> AsyncIterator[Engine]:
    """A real one, with a Claude, on a host with this disk; at its end the task's workspace goes too."""
    credential = running.data / "credentials" / "runners" / "local"
    async with AsyncExitStack() as contexts:
        claude = await contexts.enter_async_context(ClaudeStandin(run_command.script))
        engine = await contexts.enter_async_context(Engine.connect(state_dir=folder))
        contexts.push_async_callback(_remove_workspace, engine, folder, task_id)
        settings = RunnerSettings.model_validate(
            {
                "ERRAND_DATA": folder,
                "ERRAND_SCHEDULER": running.address,
                "ERRAND_CA_FILE": credential / "ca.pem",
                "ERRAND_TOKEN_FILE": credential / "token",
                "ERRAND_SANDBOX_IMAGE": image,
                "ANTHROPIC_API_KEY": claude.key,
                "ANTHROPIC_BASE_URL": claude.url,
            }
        )
        host = Host(engine, Room((folder, (await engine.facts()).root_dir), 1 << 30, disk), folder / "s")
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(serve(settings, host))
            yield engine
            serving.cancel()


async def _remove_workspace(engine: Engine, folder: Path, task_id: str) -> None:
    holding = Book(folder / "workspaces", Clock()).of(task_id)
    assert holding is not None
    await engine.remove_workspace(holding.workspace_id)


async def test_a_task_fails_with_words_and_goes_on_when_there_is_room(
    running: Stack, state_dir: Path, sandbox_image: str
) -> None:
    disk = Disk(free=1 << 29)
    person, task = await new_task(running)
    async with runner(running, state_dir, sandbox_image, disk, task.task_id) as engine:
        failed = await person.until_status(task.task_id, task_pb2.TASK_STATUS_FAILED)
        disk.free = 1 << 40
        await person.add_input(task.task_id, "Run: true")
        went_on = await person.until_status(task.task_id, task_pb2.TASK_STATUS_COMPLETED)
        engines_own = (await engine.facts()).root_dir

    assert failed.failure_reason == task_pb2.FAILURE_REASON_DISK
    assert failed.status_reason == (
        f"the disk of {state_dir} is nearly full: 512.0 MiB are free, ERRAND_MIN_FREE_BYTES asks for 1.0 GiB;"
        " free some (`docker system df` tells what Docker holds) or lower ERRAND_MIN_FREE_BYTES, then send the task on"
    )
    assert not failed.container_id, "it was not begun"
    assert went_on.container_id
    assert disk.looked_at == {state_dir, engines_own}
