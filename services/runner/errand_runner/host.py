"""What a runner needs of its host: a folder of its own, Docker, the sandbox image, room on the disks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from errand_common.clock import Clock
from errand_common.disk import Room
from errand_common.folder_lock import locked
from errand_common.ids import Ids
from errand_common.service import StartError, StartLater
from errand_runner import doorway
from errand_runner.config import RunnerSettings
from errand_runner.joined import Joined
from errand_runner.presence import presence_file
from errand_runner.sandbox.docker import Engine, EngineFacts, EngineUnavailable, ImageMissing, SandboxFailed
from errand_runner.sandbox.limits import Limits

SeeToImage = Callable[[Engine, str], Awaitable[None]]
"""Has the sandbox image got. Raises StartError where that cannot be."""


@dataclass(frozen=True)
class Host:
    """A host that has it all, for as long as the context lasts that gave it."""

    engine: Engine
    room: Room
    workspace_room: Room
    """Of the disk that workspaces lie on: there alone is room made by one that goes."""
    socket_root: Path
    limits: Limits = field(default_factory=Limits)
    engine_version: str = ""


@asynccontextmanager
async def ready_host(settings: RunnerSettings, *, see_to_image: SeeToImage | None = None) -> AsyncIterator[Host]:
    """Raises StartError for whatever is missing; StartLater for what may come, such as Docker, which may be up later
    than the runner where a machine starts. `see_to_image` is done first about the image, where that may help."""
    data = settings.data.resolve()
    # Short, for a socket's path has 107 bytes (unix(7)).
    socket_root = data / "s"
    _check_path(settings, socket_root)
    with locked(settings.data, service="runner"):
        # What an earlier process left there says nothing of this one.
        presence_file(data).unlink(missing_ok=True)
        Joined(data).leaving.unlink(missing_ok=True)
        try:
            async with Engine.connect(state_dir=data, base_url=settings.docker_host) as engine:
                facts = await engine.facts()
                room = Room((data, facts.root_dir), settings.min_free_bytes)
                workspace_room = await asyncio.to_thread(_workspace_room, room, facts.root_dir)
                check_runtime(settings.runtime, facts)
                await _check(settings, engine, room, see_to_image)
                limits = settings.limits.on(facts.cpus)
                yield Host(engine, room, workspace_room, socket_root, limits, facts.version)
        except (EngineUnavailable, SandboxFailed) as exc:
            raise StartLater(str(exc)) from exc


def _workspace_room(room: Room, root_dir: Path) -> Room:
    """It blocks."""
    engines = replace(room, paths=(root_dir,))
    # What runs in a container does not see it, and has its own folder on the same disk.
    return room if engines.free() is None else engines


def check_runtime(runtime: str, facts: EngineFacts) -> None:
    """Raises StartError where the engine does not have it; empty is its default."""
    if runtime and runtime not in facts.runtimes:
        raise StartError(
            f"ERRAND_SANDBOX_RUNTIME={runtime} is none of the Docker engine's runtimes ({', '.join(facts.runtimes)});"
            " add it to /etc/docker/daemon.json and reload the engine (systemctl reload docker), or leave it empty"
        )


async def _check(settings: RunnerSettings, engine: Engine, room: Room, see_to_image: SeeToImage | None) -> None:
    if shortage := await asyncio.to_thread(room.shortage):
        raise StartLater(shortage)
    if see_to_image is not None:
        await see_to_image(engine, settings.image)
    try:
        await engine.check_image(settings.image)
    except ImageMissing as exc:
        raise StartError(f"ERRAND_SANDBOX_IMAGE={settings.image} is not there: {exc}") from exc


def _check_path(settings: RunnerSettings, socket_root: Path) -> None:
    deepest = socket_root / Ids(Clock()).new("sbx") / doorway.SOCKET_NAME
    excess = len(bytes(deepest)) - doorway.SOCKET_PATH_BYTES
    if excess > 0:
        most = len(bytes(settings.data.resolve())) - excess
        raise StartError(f"ERRAND_DATA={settings.data} is too long for sockets in it; its path may have {most} bytes")
