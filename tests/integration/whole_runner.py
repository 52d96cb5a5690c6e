"""A whole runner on a real engine, with a Claude that runs commands, on a host whose disks a test fills."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import docker

from errand.v1 import event_pb2
from errand_common.clock import Clock
from errand_common.disk import Room
from errand_runner.book import Book
from errand_runner.config import RunnerSettings
from errand_runner.host import Host
from errand_runner.sandbox.docker import Engine
from errand_runner.serving import serve
from tests.integration.person import Person
from tests.integration.scheduling import Stack
from tests.standins.claude import ClaudeStandin
from tests.standins.claude.scripts import run_command

_WITHIN_S = 40


@asynccontextmanager
async def runner(running: Stack, folder: Path, image: str, free_bytes: Callable[[Path], int]) -> AsyncIterator[Engine]:
    """A real one, with a Claude, on a host with such disks; at its end its workspaces go too."""
    credential = running.data / "credentials" / "runners" / "local"
    async with AsyncExitStack() as contexts:
        claude = await contexts.enter_async_context(ClaudeStandin(run_command.script))
        engine = await contexts.enter_async_context(Engine.connect(state_dir=folder))
        contexts.push_async_callback(_remove_workspaces, engine, folder)
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
        root_dir = (await engine.facts()).root_dir
        room = Room((folder, root_dir), 1 << 30, free_bytes)
        host = Host(engine, room, replace(room, paths=(root_dir,)), folder / "s")
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(serve(settings, host))
            yield engine
            serving.cancel()


async def until_told(person: Person, task_id: str, kind: str) -> event_pb2.EventBody:
    """The task's first event of that kind."""
    async with asyncio.timeout(_WITHIN_S):
        while True:
            for event in await person.events(task_id):
                if event.body.WhichOneof("kind") == kind:
                    return event.body
            await asyncio.sleep(0.1)


async def until_it_runs(client: docker.DockerClient, person: Person, task_id: str) -> str:
    """The task's container, once its command says that it is on."""
    await until_told(person, task_id, "tool_call_started")
    name = (await person.task(task_id)).container_id
    async with asyncio.timeout(_WITHIN_S):
        while client.containers.get(name).exec_run(["test", "-e", "/workspace/on"]).exit_code:
            await asyncio.sleep(0.1)
    return name


async def _remove_workspaces(engine: Engine, folder: Path) -> None:
    for holding in Book(folder / "workspaces", Clock()).holdings:
        await engine.remove_workspace(holding.workspace_id)
