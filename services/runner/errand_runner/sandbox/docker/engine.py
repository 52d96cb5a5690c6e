"""Sandboxes on a Docker engine: opened, left and cleaned up."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Self

import docker
import structlog

from errand_common.tasks import to_the_end
from errand_runner.sandbox import lifeline, profile
from errand_runner.sandbox.docker.connect import DEFAULT_ENGINE, connect
from errand_runner.sandbox.docker.containers import Containers
from errand_runner.sandbox.docker.errors import EngineUnavailable, SandboxFailed
from errand_runner.sandbox.docker.facts import EngineFacts, facts_of
from errand_runner.sandbox.docker.images import Images
from errand_runner.sandbox.docker.lanes import Lane
from errand_runner.sandbox.docker.sandbox import Grip, Sandbox
from errand_runner.sandbox.docker.workspaces import Volume, Workspaces
from errand_runner.sandbox.exec_stream import ExecStream, open_exec_stream
from errand_runner.sandbox.guest_install import install_guest
from errand_runner.sandbox.profile import SandboxSpec
from errand_runner.sandbox.supervisor import SandboxGone, Supervisor

# Of the lane's four: what a sandbox's end removes must find room beside a sweep that hangs.
_SWEPT_AT_ONCE = 2

NewConfig = Callable[..., dict[str, object]]
"""`profile.container_config`, or another that takes the same."""

_log = structlog.get_logger()


class Engine:
    """A Docker engine on this host, used through `async with Engine.connect(...)`."""

    def __init__(self, client: docker.APIClient, guest: Path, socket: str, new_config: NewConfig) -> None:
        self._client = client
        self._workspaces = Workspaces(client)
        self._containers = Containers(client)
        self._guest = guest
        self._new_config = new_config
        # A pause must come before the scheduler gives an attempt up: no start or removal that hangs may delay it. And
        # what is tidied up must not keep a person's stop waiting.
        self._control, self._slow, self._pauses, self._stop, self._sweeping = self._lanes = tuple(
            map(Lane, ("control", "slow", "pause", "stop", "sweep"))
        )
        self._opening: Counter[str] = Counter()
        """Workspaces that are about to be made, and have no container yet."""
        self.images = Images(client, socket=socket, guest=guest, slow=self._slow)
        """Those of projects."""

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, *, state_dir: Path, base_url: str = DEFAULT_ENGINE, new_config: NewConfig = profile.container_config
    ) -> AsyncGenerator[Self]:
        """Connects, or raises EngineUnavailable. `state_dir` must have the same path for the engine as here;
        `new_config` makes the request of a sandbox's container."""
        client = await to_the_end(asyncio.to_thread(connect, base_url))
        guest = await asyncio.to_thread(install_guest, state_dir)
        engine = cls(client, guest, base_url.partition("://")[2], new_config)
        try:
            yield engine
        finally:
            for lane in engine._lanes:
                lane.close()
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
        await self._pauses.call(self._containers.pause, container_id)

    async def unpause(self, container_id: str) -> None:
        """Lets it go on. Idempotent."""
        await self._pauses.call(self._containers.unpause, container_id)

    async def check_answers(self) -> None:
        """Raises EngineUnavailable unless the engine answers."""
        await self._control.call(self._client.ping)

    async def check_image(self, image: str) -> None:
        """Raises ImageMissing unless the image is on this host."""
        await self._control.call(self._client.inspect_image, image)

    async def image_id(self, image: str) -> str:
        """What the name stands for at this moment. Raises ImageMissing."""
        found: dict[str, str] = await self._control.call(self._client.inspect_image, image)
        return found["Id"]

    async def facts(self) -> EngineFacts:
        """What the engine says of itself."""
        return facts_of(await self._control.call(self._client.info))

    async def workspaces(self) -> list[Volume]:
        """All that runners of this host made, used or not."""
        return await self._sweeping.call(self._workspaces.all)

    async def idle_workspaces(self) -> list[str]:
        """Those of them that no container has."""
        return await self._sweeping.call(self._workspaces.idle)

    async def workspace_sizes(self) -> dict[str, int]:
        """What each takes of the disk, in bytes. The engine reads all its files for it."""
        return await self._sweeping.call(self._workspaces.sizes)

    async def remove_workspace(self, workspace_id: str) -> None:
        """Deletes a volume; without one, nothing. Raises SandboxFailed while a sandbox uses it."""
        await self._sweeping.call(self._workspaces.remove, workspace_id)

    async def remove(self, sandbox_id: str) -> None:
        """Removes a sandbox's container, if there is one."""
        await self._stop.call(self._containers.remove, sandbox_id)

    async def sweep(self, runner_id: str, keep: Callable[[str], bool]) -> list[str]:
        """Removes this runner's containers but those of the sandboxes to keep, and those in which an image is looked
        at; returns the ids of those removed."""
        found = await self._control.call(self._containers.sandboxes_of, runner_id)
        # Asked now and not before: what was opened meanwhile is kept.
        leftover = [sandbox_id for sandbox_id in found if not keep(sandbox_id) and sandbox_id not in self.images]
        side_by_side = asyncio.Semaphore(_SWEPT_AT_ONCE)

        async def remove(sandbox_id: str) -> None:
            async with side_by_side:
                await self.remove(sandbox_id)

        try:
            async with asyncio.TaskGroup() as group:
                for sandbox_id in leftover:
                    group.create_task(remove(sandbox_id))
        except ExceptionGroup as exc:
            raise exc.exceptions[0] from exc
        return leftover

    async def sweep_workspaces(self, runner_id: str, keep: Callable[[str], bool], *, most: int) -> list[str]:
        """Removes volumes that this runner made, that no container has and that are not to be kept; at most so many.
        Returns which. One that is being made at this moment is not touched."""
        ours = {volume.workspace_id for volume in await self.workspaces() if volume.runner_id == runner_id}
        removed: list[str] = []
        for workspace_id in await self.idle_workspaces():
            # Asked now and not before, as in `sweep`.
            if workspace_id not in ours or keep(workspace_id) or self._opening[workspace_id]:
                continue
            await self.remove_workspace(workspace_id)
            removed.append(workspace_id)
            if len(removed) == most:
                break
        return removed

    async def sweep_expired(self, runner_id: str, *, before_s: float, most: int) -> list[str]:
        """Removes containers of other runners that expired before that (Unix time), at most so many; returns which."""
        found = await self._sweeping.call(self._containers.expired, before_s=before_s, but_of=runner_id)
        for container_id in found[:most]:
            await self._sweeping.call(self._containers.remove, container_id)
        return found[:most]

    async def remove_everything(self, runner_id: str) -> None:
        """Removes this runner's containers, then its volumes."""
        await self.sweep(runner_id, lambda sandbox_id: False)
        for volume in await self.workspaces():
            if volume.runner_id == runner_id:
                await self.remove_workspace(volume.workspace_id)

    @asynccontextmanager
    async def _sandbox(self, spec: SandboxSpec, container: Callable[[], Awaitable[str]]) -> AsyncGenerator[Sandbox]:
        try:
            container_id = await container()
            async with AsyncExitStack() as line:
                sandbox = Sandbox(spec, container_id, grip=self._grip(spec, container_id), line=line)
                await sandbox.attach()
                _log.info("sandbox_ready", sandbox_id=spec.sandbox_id, container_id=container_id, task_id=spec.task_id)
                yield sandbox
        finally:
            await to_the_end(self._remove_last(spec.sandbox_id))

    async def _new(self, spec: SandboxSpec) -> str:
        self._opening[spec.workspace_id] += 1
        try:
            uid = await self._control.call(self._workspaces.open, spec.workspace_id, runner_id=spec.runner_id)
            expires = int(time.time()) + spec.lifetime_s
            await _renew_lifeline(spec)
            config = self._new_config(spec, uid=uid, guest=self._guest, expires=expires)
            return await self._slow.call(self._containers.start, config, spec)
        finally:
            self._opening -= Counter([spec.workspace_id])

    async def _revived(self, spec: SandboxSpec, container_id: str) -> str:
        await _renew_lifeline(spec)
        return await self._slow.call(self._containers.revive, spec, container_id)

    def _grip(self, spec: SandboxSpec, container_id: str) -> Grip:
        return Grip(
            pause=partial(self.pause, container_id),
            unpause=partial(self.unpause, container_id),
            revive=partial(self._revived, spec, container_id),
            supervise=partial(self._supervise, container_id, spec),
        )

    @asynccontextmanager
    async def _supervise(self, container_id: str, spec: SandboxSpec) -> AsyncGenerator[Supervisor]:
        async with AsyncExitStack() as stack:
            # Filled by the thread: what it opened is closed even if nobody waits for its result any more.
            opened = stack.enter_context(ExitStack())
            exec_id, connected = await self._control.call(self._containers.attach, container_id, opened)
            reader, writer, stream = await open_exec_stream(connected)
            stack.push_async_callback(_hang_up, writer)
            try:
                supervisor = await stack.enter_async_context(Supervisor(reader, writer))
            except SandboxGone as exc:
                raise SandboxFailed(await self._why_no_supervisor(exec_id, spec, stream, exc)) from exc
            yield supervisor

    async def _why_no_supervisor(self, exec_id: str, spec: SandboxSpec, stream: ExecStream, exc: SandboxGone) -> str:
        found = await self._control.call(self._client.exec_inspect, exec_id)
        said = stream.stderr_tail.decode(errors="replace").strip()
        return (
            f"the supervisor did not start in image {spec.image}: {exc} (exit code {found.get('ExitCode')}"
            f"{', it said: ' + said if said else ''}); the image must have sh, git and python3 3.8 or newer"
        )

    async def _remove_last(self, sandbox_id: str) -> None:
        """At the end of a sandbox there is nobody to tell: what fails here is left to the next sweep."""
        try:
            await self.remove(sandbox_id)
        except (EngineUnavailable, SandboxFailed) as exc:
            _log.warning("sandbox_not_removed", sandbox_id=sandbox_id, error=str(exc))


async def _renew_lifeline(spec: SandboxSpec) -> None:
    try:
        await to_the_end(asyncio.to_thread(lifeline.renew, spec.socket_dir))
    except OSError as exc:
        raise SandboxFailed(f"{spec.socket_dir}: {exc.strerror}; see to the disk that holds ERRAND_DATA") from exc


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Closes at once, whatever is still unsent: the descriptor must be free before its other owner closes it."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()
