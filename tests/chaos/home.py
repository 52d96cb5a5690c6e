"""One Errand whose beats are short, and whose runner reaches the scheduler over a wire that can be cut."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from tests.chaos.observer import Observer, observed
from tests.chaos.operators import Operator, operator_of
from tests.chaos.wire import Wire, wire_to
from tests.demo.forked import forked
from tests.demo.phone import Json, Phone
from tests.demo.processes import from_nothing
from tests.demo.stack import REPOSITORY, Stack, open_stack
from tests.e2e.watching import ready

BEAT_S = 0.25
"""A twentieth of the real one: a lease ends after 1.5 s, and a runner is lost after 30 s."""

DIES_S = 30.0
"""Within which what is to die by itself does."""


@dataclass
class Home:
    """What a scenario works with. Claude plays `steps`: it runs the commands of `Steps: one; two`, one a turn."""

    stack: Stack
    wire: Wire
    phone: Phone
    operator: Operator
    project: Json
    slots: int
    scheduler_settings: dict[str, str] = field(default_factory=dict)
    gateway_settings: dict[str, str] = field(default_factory=dict)

    def watch(self, prompt: str) -> AbstractAsyncContextManager[Observer]:
        """A new task, watched from its beginning."""
        return observed(self.stack, self.phone, self.project, prompt)

    async def kill(self, name: str) -> None:
        """SIGKILL, without a word."""
        await self.stack.processes.kill(name)

    async def died(self, name: str) -> int:
        """Wait until it died by itself; its exit code."""
        async with asyncio.timeout(DIES_S):
            code = await self.stack.processes.running[name].wait()
        await self.stack.processes.stop(name)
        return code

    async def start(self, name: str) -> None:
        """A service, until it serves, with the settings that it had."""
        match name:
            case "scheduler":
                with self._begins(self.scheduler_settings):
                    await self.stack.start_scheduler(**self.scheduler_settings)
            case "gateway":
                await self.stack.start_gateway(**self.gateway_settings)
            case "runner":
                with self._begins(self.stack.runner_settings):
                    await self.stack.start_runner()

    async def restart(self, name: str) -> None:
        """Stop it in order, and start it."""
        await self.stack.processes.stop(name)
        await self.start(name)

    async def ready(self) -> None:
        """Wait until the gateway has its scheduler."""
        await ready(self.stack)

    async def docker(self, *arguments: str) -> str:
        """What the engine says."""
        return await _said("docker", *arguments)

    async def run_scheduler(self, *arguments: str, **settings: str) -> tuple[int | None, str]:
        """`errand-scheduler ...` with its settings but for these: how it ended, and all that it said."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "errand_scheduler", *arguments),
            env={"PATH": os.environ["PATH"], **self.stack._env(**self.stack._scheduler_settings() | settings)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(DIES_S):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode, said.decode()

    async def reconnect(self, name: str, address: str) -> None:
        """Have the runner or the gateway take this for the scheduler's address."""
        settings = self.stack.runner_settings if name == "runner" else self.gateway_settings
        settings["ERRAND_SCHEDULER"] = address
        await self.restart(name)
        await self.ready()

    @contextmanager
    def _begins(self, settings: Mapping[str, str]) -> Iterator[None]:
        """A library is loaded by an interpreter that begins, not by a fork."""
        processes = self.stack.processes
        before = processes.begin
        processes.begin = from_nothing if "LD_PRELOAD" in settings else before
        try:
            yield
        finally:
            processes.begin = before


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
        operator_of(stack) as operator,
        Phone.open(stack.gateway_url) as phone,
    ):
        await stack.processes.stop("runner")
        home = Home(stack, wire, phone, operator, {}, slots, dict(scheduler or {}))
        if scheduler:
            await home.restart("scheduler")
            await home.ready()
        stack.runner_settings |= {"ERRAND_SCHEDULER": wire.address, "ERRAND_SLOTS": str(slots), **(runner or {})}
        await home.start("runner")
        await phone.sign_in()
        home.project = await phone.add_project(REPOSITORY)
        yield home


async def _said(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, f"{' '.join(command)}: {said.decode()}"
    return said.decode()
