"""Sandboxes on a Docker engine: opened, left and cleaned up."""

import asyncio
import functools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

import docker
import requests
import structlog
from docker.errors import APIError, DockerException, ImageNotFound

from errand_common.tasks import to_the_end
from errand_runner.sandbox import lifeline, profile
from errand_runner.sandbox.docker.connect import CALL_S, DEFAULT_ENGINE, connect
from errand_runner.sandbox.docker.containers import Containers
from errand_runner.sandbox.docker.errors import EngineUnavailable, ImageMissing, SandboxFailed
from errand_runner.sandbox.docker.facts import EngineFacts, facts_of
from errand_runner.sandbox.docker.workspaces import Volume, Workspaces
from errand_runner.sandbox.exec_stream import ExecStream, open_exec_stream
from errand_runner.sandbox.guest_install import install_guest
from errand_runner.sandbox.profile import SandboxSpec
from errand_runner.sandbox.supervisor import FileError, SandboxGone, Supervisor

_PREPARE_S = 15.0

_log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Sandbox:
    """A live sandbox."""

    sandbox_id: str
    container_id: str
    supervisor: Supervisor
    engine: "Engine" = field(repr=False)

    async def freeze(self) -> None:
        """Pause every process in it, and the time limits of what runs. Idempotent. Raises as `Engine.open` does."""
        await self.supervisor.hold()
        await self.engine.pause(self.container_id)

    async def thaw(self) -> None:
        """Go on where it stood still. Idempotent."""
        await self.engine.unpause(self.container_id)
        self.supervisor.go_on()


class Engine:
    """A Docker engine on this host, used through `async with Engine.connect(...)`."""

    def __init__(self, client: docker.APIClient, guest: Path) -> None:
        self._client = client
        self._workspaces = Workspaces(client)
        self._containers = Containers(client)
        self._guest = guest
        # A slow start must not delay a stop, nor either of them the small calls.
        self._control = ThreadPoolExecutor(4, "docker-control")
        self._slow = ThreadPoolExecutor(4, "docker-slow")
        self._stop = ThreadPoolExecutor(4, "docker-stop")
        self._left: set[str] = set()
        """Sandboxes that could not be removed when they ended."""

    @classmethod
    @asynccontextmanager
    async def connect(cls, *, state_dir: Path, base_url: str = DEFAULT_ENGINE) -> AsyncGenerator[Self]:
        """Connects, or raises EngineUnavailable. `state_dir` must have the same path for the engine as here."""
        client = await to_the_end(asyncio.to_thread(connect, base_url))
        engine = cls(client, await asyncio.to_thread(install_guest, state_dir))
        try:
            yield engine
        finally:
            for executor in (engine._control, engine._slow, engine._stop):
                executor.shutdown(wait=False)
            client.close()

    def open(self, spec: SandboxSpec) -> AbstractAsyncContextManager[Sandbox]:
        """A sandbox on its workspace, which is made if there is none and stays; the container goes at the end.

        Raises ImageMissing, SandboxFailed or EngineUnavailable, the last also where the engine goes away meanwhile.
        Cancelled at any point, it leaves no container.
        """
        return self._sandbox(spec, lambda: self._new(spec))

    def adopt(self, spec: SandboxSpec, container_id: str = "") -> AbstractAsyncContextManager[Sandbox]:
        """The sandbox whose container an earlier process of this runner left running, with a new supervisor.

        `container_id` is what is known of it. Otherwise as `open`; SandboxFailed where that container is of no use, and
        then it is gone.
        """
        return self._sandbox(spec, lambda: self._revived(spec, container_id))

    async def pause(self, container_id: str) -> None:
        """Stops every process of a container. Idempotent; one that ended is left as it is."""
        await self._call(self._stop, self._containers.pause, container_id)

    async def unpause(self, container_id: str) -> None:
        """Lets it go on. Idempotent."""
        await self._call(self._control, self._containers.unpause, container_id)

    async def check_image(self, image: str) -> None:
        """Raises ImageMissing unless the image is on this host."""
        await self._call(self._control, self._client.inspect_image, image)

    async def facts(self) -> EngineFacts:
        """What the engine says of itself."""
        return facts_of(await self._call(self._control, self._client.info))

    async def workspaces(self, runner_id: str) -> list[Volume]:
        """All that this runner made, used or not."""
        return await self._call(self._control, self._workspaces.of, runner_id)

    async def remove_workspace(self, workspace_id: str) -> None:
        """Deletes a volume; without one, nothing. Raises SandboxFailed while a sandbox uses it."""
        await self._call(self._stop, self._workspaces.remove, workspace_id)

    async def sweep(self, runner_id: str, keep: Callable[[str], bool]) -> list[str]:
        """Removes this runner's containers but those of the sandboxes to keep; returns the ids of those removed."""
        found = await self._call(self._control, self._containers.sandboxes_of, runner_id)
        # Asked now and not before: what was opened meanwhile is kept.
        leftover = [sandbox_id for sandbox_id in found if not keep(sandbox_id)]
        try:
            async with asyncio.TaskGroup() as group:
                for sandbox_id in leftover:
                    group.create_task(self._call(self._stop, self._containers.remove, sandbox_id))
        except ExceptionGroup as exc:
            raise exc.exceptions[0] from exc
        return leftover

    async def remove_everything(self, runner_id: str) -> None:
        """Removes this runner's containers, then its volumes."""
        await self.sweep(runner_id, lambda sandbox_id: False)
        for volume in await self.workspaces(runner_id):
            await self.remove_workspace(volume.workspace_id)

    @asynccontextmanager
    async def _sandbox(self, spec: SandboxSpec, container: Callable[[], Awaitable[str]]) -> AsyncGenerator[Sandbox]:
        try:
            await self._remove_left()
            container_id = await container()
            async with self._supervise(container_id, spec) as supervisor:
                await _prepare(supervisor, spec)
                _log.info("sandbox_ready", sandbox_id=spec.sandbox_id, container_id=container_id, task_id=spec.task_id)
                yield Sandbox(spec.sandbox_id, container_id, supervisor, self)
        except SandboxGone:
            await self._call(self._control, self._client.ping)
            raise
        finally:
            await to_the_end(self._remove_last(spec.sandbox_id))

    async def _new(self, spec: SandboxSpec) -> str:
        uid = await self._call(self._control, self._workspaces.open, spec.workspace_id, runner_id=spec.runner_id)
        expires = int(time.time()) + spec.lifetime_s
        await _renew_lifeline(spec)
        config = profile.container_config(spec, uid=uid, guest=self._guest, expires=expires)
        return await self._call(self._slow, self._containers.start, config, spec)

    async def _revived(self, spec: SandboxSpec, container_id: str) -> str:
        await _renew_lifeline(spec)
        return await self._call(self._slow, self._containers.revive, spec, container_id)

    @asynccontextmanager
    async def _supervise(self, container_id: str, spec: SandboxSpec) -> AsyncGenerator[Supervisor]:
        async with AsyncExitStack() as stack:
            # Filled by the thread: what it opened is closed even if nobody waits for its result any more.
            opened = stack.enter_context(ExitStack())
            exec_id, connected = await self._call(self._control, self._containers.attach, container_id, opened)
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
        """At the end of a sandbox there is nobody to tell: what fails here is left to the next one, or start."""
        try:
            await self._call(self._stop, self._containers.remove, sandbox_id)
            self._left.discard(sandbox_id)
        except (EngineUnavailable, SandboxFailed) as exc:
            self._left.add(sandbox_id)
            _log.warning("sandbox_not_removed", sandbox_id=sandbox_id, error=str(exc))

    async def _remove_left(self) -> None:
        for sandbox_id in tuple(self._left):
            await self._remove_last(sandbox_id)

    async def _call(self, executor: Executor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a blocking call. Cancelling waits for its end: its thread cannot be stopped, and CALL_S bounds it."""
        loop = asyncio.get_running_loop()
        try:
            return await to_the_end(loop.run_in_executor(executor, functools.partial(function, *args, **kwargs)))
        except ImageNotFound as exc:
            raise ImageMissing(
                f"{exc.explanation or exc}; build it with `make image`, or pull it (docker pull IMAGE),"
                " or set ERRAND_SANDBOX_IMAGE to one that this host has"
            ) from exc
        except APIError as exc:
            raise SandboxFailed(f"the Docker engine refused: {exc.explanation or exc}") from exc
        except requests.Timeout as exc:
            raise EngineUnavailable(
                f"the Docker engine did not answer within {CALL_S} s; see whether the host is overloaded"
            ) from exc
        except (requests.RequestException, DockerException, OSError) as exc:
            raise EngineUnavailable(
                f"the Docker engine went away ({_first_cause(exc)}); see that it runs (systemctl status docker),"
                " then send the task on"
            ) from exc


async def _renew_lifeline(spec: SandboxSpec) -> None:
    try:
        await to_the_end(asyncio.to_thread(lifeline.renew, spec.socket_dir))
    except OSError as exc:
        raise SandboxFailed(f"{spec.socket_dir}: {exc.strerror}; see to the disk that holds ERRAND_DATA") from exc


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


def _first_cause(error: BaseException) -> BaseException:
    """What the libraries between have wrapped."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Closes at once, whatever is still unsent: the descriptor must be free before its other owner closes it."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()
