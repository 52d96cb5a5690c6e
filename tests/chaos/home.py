"""One Errand whose beats are short, and whose runner reaches the scheduler over a wire that can be cut."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from tests.chaos.observer import Observer, observed
from tests.chaos.wire import Wire, wire_to
from tests.demo.forked import forked
from tests.demo.phone import Json, Phone
from tests.demo.stack import REPOSITORY, Stack, open_stack
from tests.e2e.watching import ready

BEAT_S = 0.25
"""A twentieth of the real one: a lease ends after 1.5 s, and a runner is lost after 30 s."""


@dataclass
class Home:
    """What a scenario works with. Claude plays `steps`: it runs the commands of `Steps: one; two`, one a turn."""

    stack: Stack
    wire: Wire
    phone: Phone
    project: Json
    slots: int
    scheduler_settings: dict[str, str] = field(default_factory=dict)

    def watch(self, prompt: str) -> AbstractAsyncContextManager[Observer]:
        """A new task, watched from its beginning."""
        return observed(self.stack, self.phone, self.project, prompt)

    async def kill(self, name: str) -> None:
        """SIGKILL, without a word."""
        await self.stack.processes.kill(name)

    async def start(self, name: str) -> None:
        """A service, until it serves, with the settings that it had."""
        match name:
            case "scheduler":
                await self.stack.start_scheduler(**self.scheduler_settings)
            case "gateway":
                await self.stack.start_gateway()
            case "runner":
                await self.stack.start_runner()

    async def ready(self) -> None:
        """Wait until the gateway has its scheduler."""
        await ready(self.stack)


@asynccontextmanager
async def open_home(
    *,
    beat_s: float | None = None,
    slots: int = 2,
    scheduler: Mapping[str, str] | None = None,
    runner: Mapping[str, str] | None = None,
) -> AsyncIterator[Home]:
    """A whole Errand, with a phone that is signed in and a project. Nothing is left of it."""
    async with (
        open_stack(script="steps", beat_s=beat_s or BEAT_S, begin=forked) as stack,
        wire_to(stack.scheduler_address) as wire,
        Phone.open(stack.gateway_url) as phone,
    ):
        await stack.processes.stop("runner")
        home = Home(stack, wire, phone, {}, slots, dict(scheduler or {}))
        if scheduler:
            await stack.processes.stop("scheduler")
            await home.start("scheduler")
            await home.ready()
        stack.runner_settings |= {"ERRAND_SCHEDULER": wire.address, "ERRAND_SLOTS": str(slots), **(runner or {})}
        await home.start("runner")
        await phone.sign_in()
        home.project = await phone.add_project(REPOSITORY)
        yield home
