"""An attempt stands still while the scheduler is out of reach for long, and goes on once it is confirmed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from errand_common.clock import Clock
from errand_runner.brake import Brake
from errand_runner.lease import Leases
from errand_runner.sandbox.docker import EngineUnavailable, SandboxFailed

_SHORTEST_S = 0.001


class Part(Protocol):
    """Something of an attempt that can stand still. Both are idempotent."""

    async def freeze(self) -> None:
        """Stand still. Raises EngineUnavailable or SandboxFailed; then it is asked again."""

    async def thaw(self) -> None:
        """Go on. Raises EngineUnavailable, and is asked again then; SandboxFailed where it never will."""


class Teller(Protocol):
    """Tells of an attempt's pauses; `frozen` says whether the last one told has no end yet."""

    frozen: bool

    async def attempt_frozen(self, reason: str) -> None:
        """It stands still now; `reason` in words, empty where the scheduler is out of reach."""

    async def attempt_thawed(self, frozen_s: float) -> None:
        """It goes on, after so many seconds."""


class RunningClock(Clock):
    """A clock whose boot time stands still while the attempt does: for patience and durations."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stood_s = 0.0
        self._since_s: float | None = None

    def now_us(self) -> int:
        """The time of day goes on."""
        return self._clock.now_us()

    def boot_s(self) -> float:
        """Seconds in which the attempt could act."""
        return (self._clock.boot_s() if self._since_s is None else self._since_s) - self._stood_s

    def stop(self) -> None:
        """Stand still."""
        self._since_s = self._clock.boot_s()

    def go_on(self) -> float:
        """Go on; returns for how many seconds it stood."""
        assert self._since_s is not None
        stood_s = self._clock.boot_s() - self._since_s
        self._stood_s, self._since_s = self._stood_s + stood_s, None
        return stood_s


class Freezer:
    """Keeps one attempt still while its lease does not hold or the brake is pulled: until neither is so."""

    def __init__(self, attempt_id: str, *, leases: Leases, brake: Brake, clock: Clock, teller: Teller) -> None:
        self._attempt_id, self._leases, self._brake, self._teller = attempt_id, leases, brake, teller
        self._parts: list[Part] = []
        self._going = asyncio.Event()
        self._going.set()
        self.clock = RunningClock(clock)

    @asynccontextmanager
    async def over(self, part: Part) -> AsyncIterator[None]:
        """While the context lasts, the part stands still when the attempt does."""
        self._parts.append(part)
        try:
            if not self._going.is_set():
                await self._still()
            yield
        finally:
            self._parts.remove(part)

    async def gate(self) -> None:
        """Return once the attempt may act. By lease and brake themselves, not by what `watch` made of them: a loop that
        was blocked may run this first."""
        await self._going.wait()
        while not self._left_s() > 0:
            await self._leases.changed(within_s=self._leases.beat_s)
            await self._going.wait()

    async def watch(self) -> None:
        """Freeze and thaw, for ever. Raises OutboxError, GivenUp, and what thawing raises."""
        if self._teller.frozen:
            # By an earlier process, of whose pause nobody knows the length; this one was confirmed before it began.
            await self._teller.attempt_thawed(0.0)
        while True:
            await self._lapsed()
            await self._freeze()
            await self._confirmed()
            await self._thaw()

    async def _lapsed(self) -> None:
        # A beat at most: asyncio's clock stops in suspend, and the lease's does not.
        while (left_s := self._left_s()) > 0:
            await self._leases.changed(within_s=max(min(left_s, self._leases.beat_s), _SHORTEST_S))

    async def _freeze(self) -> None:
        self._going.clear()
        self.clock.stop()
        reason = self._brake.reason
        structlog.get_logger().warning("attempt_frozen", reason=reason or "cut off")
        await self._still()
        await self._teller.attempt_frozen(reason)

    async def _still(self) -> None:
        for part in list(self._parts):
            try:
                await part.freeze()
            except (EngineUnavailable, SandboxFailed) as exc:
                # On a busy host an engine refuses a pause now and then, and does it a moment later.
                structlog.get_logger().warning("sandbox_not_paused", error=str(exc))

    async def _moves(self) -> bool:
        try:
            for part in reversed(self._parts):
                await part.thaw()
        except EngineUnavailable as exc:
            structlog.get_logger().warning("sandbox_not_unpaused", error=str(exc))
            return False
        return True

    async def _confirmed(self) -> None:
        while not self._left_s() > 0:
            self._brake.check(self._attempt_id)
            await self._leases.changed(within_s=self._leases.beat_s)
            if not self._left_s() > 0:
                # What could not be reached, or was opened meanwhile.
                await self._still()

    def _left_s(self) -> float:
        """How long until it may not act."""
        return 0.0 if self._brake.reason else self._leases.left_s(self._attempt_id)

    async def _thaw(self) -> None:
        while not await self._moves():
            await self._leases.changed(within_s=self._leases.beat_s)
            await self._confirmed()
        frozen_s = self.clock.go_on()
        self._going.set()
        structlog.get_logger().info("attempt_thawed", frozen_s=round(frozen_s, 1))
        await self._teller.attempt_thawed(frozen_s)
