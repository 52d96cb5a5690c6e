"""Docker on a host, as far as attempts can tell: containers that are made, adopted, paused and swept."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from errand_common.clock import Clock
from errand_runner.sandbox.docker import EngineUnavailable, SandboxFailed, SandboxSpec, Volume
from tests.sim.outside import Container, Outside


class Sandbox:
    """What an attempt holds of its container."""

    def __init__(self, container: Container, engine: "Engine") -> None:
        self.container, self._engine = container, engine
        self.sandbox_id, self.container_id = container.sandbox_id, container.container_id

    async def freeze(self) -> None:
        """Paused."""
        self._engine.ask()
        self.container.paused = True

    async def thaw(self) -> None:
        """Going on."""
        self._engine.ask()
        self.container.paused = False


class Broker:
    """The sandbox's only way out."""

    async def __aenter__(self) -> "Broker":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closed."""

    async def freeze(self) -> None:
        """Lets nothing out."""

    async def thaw(self) -> None:
        """Lets it out again."""


class Engine:
    """In place of errand_runner.sandbox.docker.Engine."""

    def __init__(
        self, host: str, outside: Outside, clock: Clock, *, away: Callable[[], float], chance: random.Random
    ) -> None:
        """`away`: the chance that it does not answer."""
        self._host, self._outside, self._clock, self._away, self._chance = host, outside, clock, away, chance
        self._in_use: set[str] = set()

    def ask(self) -> None:
        """Raises EngineUnavailable where it does not answer."""
        if (away := self._away()) and self._chance.random() < away:
            raise EngineUnavailable("Docker does not answer")

    @asynccontextmanager
    async def open(self, spec: SandboxSpec) -> AsyncIterator[Sandbox]:
        """A new container; it goes at the end, but not with the process."""
        self.ask()
        attempt_id, fence = spec.image.rsplit(".", 1)
        container = Container(
            container_id=f"c-{spec.sandbox_id}",
            sandbox_id=spec.sandbox_id,
            host=self._host,
            task_id=spec.task_id,
            attempt_id=attempt_id,
            fence=int(fence),
            since_s=self._clock.boot_s(),
        )
        self._clear(spec.task_id)
        self._outside.open(container)
        async with self._inside(container) as sandbox:
            yield sandbox

    @asynccontextmanager
    async def adopt(self, spec: SandboxSpec, container_id: str = "") -> AsyncIterator[Sandbox]:
        """One that runs. Raises SandboxFailed."""
        container = self._outside.containers.get(container_id or f"c-{spec.sandbox_id}")
        if container is None or container.host != self._host:
            raise SandboxFailed("there is no such container")
        container.paused = False
        async with self._inside(container) as sandbox:
            yield sandbox

    async def workspaces(self) -> list[Volume]:
        """None of before there was a book."""
        self.ask()
        return []

    async def sweep(self, runner_id: str, keep: Callable[[str], bool]) -> list[str]:
        """Remove what is not to be kept."""
        self.ask()
        found: list[Any] = [each for each in self._outside.containers.values() if each.host == self._host]
        left = [each for each in found if not keep(each.sandbox_id)]
        for each in left:
            self._outside.close(each.container_id)
        return [each.sandbox_id for each in left]

    def _clear(self, task_id: str) -> None:
        """What an attempt that is over left on the workspace goes first (docker/containers.py)."""
        for each in list(self._outside.containers.values()):
            if (each.host, each.task_id) == (self._host, task_id) and each.container_id not in self._in_use:
                self._outside.close(each.container_id)

    @asynccontextmanager
    async def _inside(self, container: Container) -> AsyncIterator[Sandbox]:
        self._in_use.add(container.container_id)
        try:
            await asyncio.sleep(0.2)
            yield Sandbox(container, self)
        finally:
            self._in_use.discard(container.container_id)
            self._outside.close(container.container_id)
