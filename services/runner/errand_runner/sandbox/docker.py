"""Sandboxes on a Docker engine: opened, left and cleaned up. The only import of the Docker SDK."""

import asyncio
import functools
import hashlib
import os
import random
import socket
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

import docker
import requests
import structlog
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from errand_common.tasks import to_the_end
from errand_runner import doorway
from errand_runner.sandbox import guest, profile
from errand_runner.sandbox.exec_stream import ExecStream, open_exec_stream
from errand_runner.sandbox.names import Label, lowest_free, workspace_name
from errand_runner.sandbox.profile import SandboxSpec
from errand_runner.sandbox.supervisor import FileError, SandboxGone, Supervisor

__all__ = ["Engine", "EngineUnavailable", "ImageMissing", "Sandbox", "SandboxFailed", "SandboxSpec"]

DEFAULT_ENGINE = "unix:///var/run/docker.sock"

# One engine call; starting a container on a busy host takes seconds.
_CALL_S = 60
# Uids below belong to the host's people and services. A uid belongs to a volume, so that no two sandboxes that live at
# once share the kernel's per-user quotas, and a kept volume opens again under the uid that owns its files.
_FIRST_UID = 200_000
_UID_TRIES = 20
_PREPARE_S = 15.0

_log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")


class EngineUnavailable(Exception):
    """No Docker engine answers; the message says why and what to do."""


class ImageMissing(Exception):
    """The image is not on this host."""


class SandboxFailed(Exception):
    """The engine answers, but did not do what this sandbox needs."""


@dataclass(frozen=True)
class Sandbox:
    """A live sandbox."""

    sandbox_id: str
    container_id: str
    supervisor: Supervisor


class Engine:
    """A Docker engine on this host, used through `async with Engine.connect(...)`."""

    def __init__(self, client: docker.APIClient, guest_file: Path) -> None:
        self._client = client
        self._guest_file = guest_file
        # A slow start must not delay a stop, nor either of them the small calls.
        self._control = ThreadPoolExecutor(4, "docker-control")
        self._slow = ThreadPoolExecutor(4, "docker-slow")
        self._stop = ThreadPoolExecutor(4, "docker-stop")

    @classmethod
    @asynccontextmanager
    async def connect(cls, *, state_dir: Path, base_url: str = DEFAULT_ENGINE) -> AsyncGenerator[Self]:
        """Connects, or raises EngineUnavailable. `state_dir` must have the same path for the engine as here."""
        client = await to_the_end(asyncio.to_thread(_connect, base_url))
        engine = cls(client, await asyncio.to_thread(_install_guest, state_dir))
        try:
            yield engine
        finally:
            for executor in (engine._control, engine._slow, engine._stop):
                executor.shutdown(wait=False)
            client.close()

    @asynccontextmanager
    async def open(self, spec: SandboxSpec) -> AsyncGenerator[Sandbox]:
        """A sandbox on its task's workspace, which is made if there is none and stays; the container goes at the end.

        Raises ImageMissing, SandboxFailed or EngineUnavailable. Cancelled at any point, it leaves no container.
        """
        try:
            uid = await self._workspace(spec)
            container_id = await self._start(spec, uid)
            async with self._supervise(container_id, spec) as supervisor:
                await _prepare(supervisor, spec)
                _log.info("sandbox_opened", sandbox_id=spec.sandbox_id, task_id=spec.task_id, uid=uid)
                yield Sandbox(spec.sandbox_id, container_id, supervisor)
        finally:
            await to_the_end(self._remove_last(spec.sandbox_id))

    async def remove_workspace(self, task_id: str) -> None:
        """Deletes a task's volume; without one, nothing. Raises SandboxFailed while a sandbox uses it."""
        await self._call(self._stop, self._remove_volume_now, workspace_name(task_id))

    async def sweep(self, runner_id: str, keep: set[str]) -> list[str]:
        """Removes this runner's containers but those of the sandboxes in `keep`; returns the ids of those removed."""
        found = await self._call(self._control, self._sandboxes_of, runner_id)
        leftover = [sandbox_id for sandbox_id in found if sandbox_id not in keep]
        async with asyncio.TaskGroup() as group:
            for sandbox_id in leftover:
                group.create_task(self._call(self._stop, self._remove_container_now, sandbox_id))
        return leftover

    async def remove_everything(self, runner_id: str) -> None:
        """Removes this runner's containers, then its volumes."""
        await self.sweep(runner_id, set())
        for name in await self._call(self._control, self._volumes_of, runner_id):
            await self._call(self._stop, self._remove_volume_now, name)

    async def _workspace(self, spec: SandboxSpec) -> int:
        """The uid of the task's volume, which is made if there is none."""
        return await self._call(self._control, self._workspace_now, spec)

    async def _start(self, spec: SandboxSpec, uid: int) -> str:
        expires = int(time.time()) + spec.lifetime_s
        config = profile.container_config(spec, uid=uid, guest=self._guest_file, expires=expires)
        return await self._call(self._slow, self._start_now, config, spec)

    @asynccontextmanager
    async def _supervise(self, container_id: str, spec: SandboxSpec) -> AsyncGenerator[Supervisor]:
        async with AsyncExitStack() as stack:
            # Filled by the thread: what it opened is closed even if nobody waits for its result any more.
            opened = stack.enter_context(ExitStack())
            exec_id, connected = await self._call(self._control, self._attach_now, container_id, opened)
            reader, writer, stream = await open_exec_stream(connected)
            stack.push_async_callback(_hang_up, writer)
            try:
                supervisor = await stack.enter_async_context(Supervisor(reader, writer))
            except SandboxGone as exc:
                raise SandboxFailed(await self._why_no_supervisor(exec_id, spec, stream, exc)) from exc
            yield supervisor

    async def _why_no_supervisor(self, exec_id: str, spec: SandboxSpec, stream: ExecStream, exc: SandboxGone) -> str:
        found = await self._call(self._control, self._client.exec_inspect, exec_id)
        said = stream.stderr_tail.decode(errors="replace").strip()
        return (
            f"the supervisor did not start in image {spec.image}: {exc} (exit code {found.get('ExitCode')}"
            f"{', it said: ' + said if said else ''}); the image must have sh, git and python3 3.8 or newer"
        )

    async def _remove_last(self, sandbox_id: str) -> None:
        """At the end of a sandbox there is nobody to tell: what fails here is left to the next sweep."""
        try:
            await self._call(self._stop, self._remove_container_now, sandbox_id)
        except (EngineUnavailable, SandboxFailed) as exc:
            _log.warning("sandbox_not_removed", sandbox_id=sandbox_id, error=str(exc))

    async def _call(self, executor: Executor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a blocking call. Cancelling waits for its end: its thread cannot be stopped, and _CALL_S bounds it."""
        loop = asyncio.get_running_loop()
        try:
            return await to_the_end(loop.run_in_executor(executor, functools.partial(function, *args, **kwargs)))
        except ImageNotFound as exc:
            raise ImageMissing(f"{exc.explanation}; build or pull the image on this host") from exc
        except APIError as exc:
            raise SandboxFailed(f"the Docker engine refused: {exc.explanation or exc}") from exc
        except requests.Timeout as exc:
            raise EngineUnavailable(
                f"the Docker engine did not answer within {_CALL_S} s; is the host overloaded?"
            ) from exc
        except (requests.RequestException, DockerException, OSError) as exc:
            raise EngineUnavailable(f"the Docker engine went away ({exc}); is it running?") from exc

    # What runs in an executor's thread.

    def _workspace_now(self, spec: SandboxSpec) -> int:
        name = workspace_name(spec.task_id)
        with suppress(NotFound):
            return _uid_of(self._client.inspect_volume(name))
        spread = 0
        for _ in range(_UID_TRIES):
            uid = lowest_free(_FIRST_UID + spread, set(self._uids().values()))
            labels = {
                Label.MANAGED: "1",
                Label.RUNNER: spec.runner_id,
                Label.TASK: spec.task_id,
                Label.UID: str(uid),
            }
            self._client.create_volume(name=name, labels=labels)
            # The engine has no lock for this: whoever sees that another took the same uid at the same moment gives way.
            if [taken for other, taken in self._uids().items() if other != name].count(uid) == 0:
                return uid
            self._client.remove_volume(name)
            spread = random.randrange(1000)  # noqa: S311 - spreads rivals, protects nothing
        raise SandboxFailed(f"no free uid for the workspace of {spec.task_id} in {_UID_TRIES} tries")

    def _uids(self) -> dict[str, int]:
        volumes = self._volumes({Label.MANAGED: "1"})
        return {volume["Name"]: _uid_of(volume) for volume in volumes}

    def _volumes(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        wanted = [f"{key}={value}" for key, value in labels.items()]
        return self._client.volumes(filters={"label": wanted})["Volumes"] or []

    def _start_now(self, config: dict[str, object], spec: SandboxSpec) -> str:
        container_id: str = self._client.create_container_from_config(config, name=spec.sandbox_id)["Id"]  # type: ignore[no-untyped-call]
        self._client.start(container_id)
        return container_id

    def _attach_now(self, container_id: str, opened: ExitStack) -> tuple[str, socket.socket]:
        argv = [
            "python3",
            "-I",
            "-S",
            profile.GUEST_PATH,
            str(doorway.PORT),
            f"{doorway.FOLDER}/{doorway.SOCKET_NAME}",
        ]
        exec_id: str = self._client.exec_create(container_id, argv, stdin=True)["Id"]
        raw = self._client.exec_start(exec_id, socket=True)
        assert isinstance(raw, socket.SocketIO), "a unix socket has no other form"
        # The SDK hides the response, whose connection would stay open, in this attribute.
        opened.callback(raw._response.close)  # type: ignore[attr-defined]
        # The SDK's own socket has a time limit on it and belongs to its connection pool.
        connected = socket.socket(fileno=os.dup(raw.fileno()))
        opened.callback(connected.close)
        return exec_id, connected

    def _remove_container_now(self, name: str) -> None:
        # With v, anonymous volumes (of the image) go; the named workspace stays.
        with suppress(NotFound):
            self._client.remove_container(name, v=True, force=True)

    def _remove_volume_now(self, name: str) -> None:
        with suppress(NotFound):
            self._client.remove_volume(name)

    def _sandboxes_of(self, runner_id: str) -> list[str]:
        wanted = {"label": [f"{Label.MANAGED}=1", f"{Label.RUNNER}={runner_id}"]}
        return [found["Labels"][Label.SANDBOX] for found in self._client.containers(all=True, filters=wanted)]

    def _volumes_of(self, runner_id: str) -> list[str]:
        return [volume["Name"] for volume in self._volumes({Label.MANAGED: "1", Label.RUNNER: runner_id})]


async def _prepare(supervisor: Supervisor, spec: SandboxSpec) -> None:
    try:
        made = await supervisor.capture(["mkdir", "-p", profile.HOME], cwd="/", timeout_s=_PREPARE_S)
    except (SandboxGone, FileError) as exc:
        raise SandboxFailed(f"sandbox {spec.sandbox_id} did not become ready: {exc}") from exc
    if made.exit.code != 0:
        said = made.stderr.decode(errors="replace").strip()
        raise SandboxFailed(
            f"{profile.WORKSPACE} of image {spec.image} cannot be written to ({said}); its mode must be 1777"
        )


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Closes at once, whatever is still unsent: the descriptor must be free before its other owner closes it."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


def _connect(base_url: str) -> docker.APIClient:
    scheme, _, path = base_url.partition("://")
    if scheme != "unix":
        raise EngineUnavailable(f"sandboxes need a Docker engine on this host, on a unix socket; {base_url} is none")
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_CALL_S)
            probe.connect(path)
        return docker.APIClient(base_url, version="auto", timeout=_CALL_S)
    except FileNotFoundError as exc:
        raise EngineUnavailable(f"no Docker engine at {path}; install and start Docker (docker.io)") from exc
    except PermissionError as exc:
        raise EngineUnavailable(f"no right to use {path}; add this user to the docker group and log in again") from exc
    except ConnectionRefusedError as exc:
        raise EngineUnavailable(f"nothing answers at {path}; start the Docker engine") from exc
    except (OSError, DockerException) as exc:
        raise EngineUnavailable(f"the Docker engine at {path} does not answer sensibly: {exc}") from exc


def _install_guest(state_dir: Path) -> Path:
    """Puts the supervisor's program where the engine can mount it from, by its hash: running sandboxes keep theirs."""
    program = Path(guest.__file__).read_bytes()
    target = state_dir / f"guest-{hashlib.sha256(program).hexdigest()[:12]}.py"
    if not target.exists():
        state_dir.mkdir(parents=True, exist_ok=True)
        beside = target.with_suffix(f".{os.getpid()}.tmp")
        beside.write_bytes(program)
        beside.chmod(0o644)
        beside.rename(target)
    return target


def _uid_of(volume: Mapping[str, Any]) -> int:
    try:
        return int(volume["Labels"][Label.UID])
    except (KeyError, TypeError, ValueError) as exc:
        raise SandboxFailed(f"volume {volume.get('Name')} is not one that Errand made; remove or rename it") from exc
