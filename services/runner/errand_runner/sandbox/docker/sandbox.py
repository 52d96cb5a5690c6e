"""A live sandbox: its container, and the supervisor in it."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

from errand_runner.sandbox import profile
from errand_runner.sandbox.docker.errors import SandboxFailed
from errand_runner.sandbox.profile import SandboxSpec
from errand_runner.sandbox.supervisor import FileError, SandboxGone, Supervisor

_PREPARE_S = 15.0

Step = Callable[[], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Grip:
    """What the engine can do with one container. Each raises as `Engine.open` does."""

    pause: Callable[[], Awaitable[None]]
    unpause: Callable[[], Awaitable[None]]
    revive: Callable[[], Awaitable[object]]
    supervise: Callable[[], AbstractAsyncContextManager[Supervisor]]


class Sandbox:
    """After `reattach` its supervisor is another one."""

    supervisor: Supervisor

    def __init__(self, spec: SandboxSpec, container_id: str, *, grip: Grip, line: AsyncExitStack) -> None:
        """`line` ends what leads into the container when the sandbox does."""
        self.sandbox_id, self.container_id = spec.sandbox_id, container_id
        self._spec, self._grip, self._line = spec, grip, line
        self.in_its_task: Callable[[Step], Awaitable[None]] = _here
        """Where it is attached anew: what leads into a container is closed by the task that opened it."""

    async def attach(self) -> None:
        """Start a supervisor, and see that it can work."""
        self.supervisor = await self._line.enter_async_context(self._grip.supervise())
        try:
            made = await self.supervisor.capture(["mkdir", "-p", profile.HOME], cwd="/", timeout_s=_PREPARE_S)
        except (SandboxGone, FileError) as exc:
            raise SandboxFailed(f"sandbox {self.sandbox_id} did not become ready: {exc}") from exc
        if made.exit.code != 0:
            said = made.stderr.decode(errors="replace").strip()
            raise SandboxFailed(
                f"{profile.WORKSPACE} of image {self._spec.image} cannot be written to ({said}); its mode must be 1777"
            )

    async def reattach(self) -> None:
        """Start another supervisor in the same container, once nothing runs any more of what the last one began.

        Raises SandboxFailed, with why, where the container is of no more use.
        """
        await self.in_its_task(self._reattach)

    async def freeze(self) -> None:
        """Pause every process in it, and the time limits of what runs. Idempotent."""
        await self.supervisor.hold()
        await self._grip.pause()

    async def thaw(self) -> None:
        """Go on where it stood still. Idempotent."""
        await self._grip.unpause()
        self.supervisor.go_on()

    async def _reattach(self) -> None:
        await self._line.aclose()
        await self._grip.revive()
        await self.attach()


async def _here(step: Step) -> None:
    await step()
