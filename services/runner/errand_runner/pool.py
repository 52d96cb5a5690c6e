"""Sandboxes made ahead, for the images and in the number that are set, while the host has nothing better to do."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_common.tasks import to_the_end
from errand_runner.sandbox import lifeline
from errand_runner.sandbox.docker import Engine, EngineUnavailable, ImageMissing, SandboxFailed, SandboxSpec
from errand_runner.sandbox.supervisor import FileError, SandboxGone
from errand_runner.warm import Warm

LOOK_S = 5.0
"""How often it is looked for what nobody tells: a slot that is free again, an image that is another, a full memory."""

_FIT_S = 2.0
# Long before what its labels say is its end (profile.py, lifetime_s).
_MOST_AGE_S = 24 * 3600.0
# What could not be made is not tried again at once.
_REST_S = 30.0
# Who has just begun asks Claude and runs a first tool, with a person looking on.
_SETTLE_S = 2.0

_BROKEN = (EngineUnavailable, ImageMissing, SandboxFailed, SandboxGone, FileError, OSError, TimeoutError)

NewSpec = Callable[[str, str, Path, str, str], Awaitable[SandboxSpec]]
"""For a sandbox, its workspace, the folder of its socket, an image and this runner's id."""


@dataclass(frozen=True)
class Plan:
    """What becomes of the sandboxes that wait: these go, and one of this image is made."""

    surplus: Sequence[Warm]
    lacking: str


def plan(waiting: Sequence[Warm], wanted: Mapping[str, int], *, free: int) -> Plan:
    """Never more than there are free slots; images that come first in `wanted` count first."""
    surplus, lacking = [each for each in waiting if each.spec.image not in wanted], ""
    for image, number in wanted.items():
        number = max(0, min(number, free))
        free -= number
        found = [each for each in waiting if each.spec.image == image]
        surplus += found[number:]
        if len(found) < number:
            lacking = lacking or image
    return Plan(surplus, lacking)


class Pool:
    """Each is used once. What it has is in no journal: a process that is killed leaves it to the sweep."""

    def __init__(
        self,
        engine: Engine,
        *,
        wanted: Mapping[str, int],
        new_spec: NewSpec,
        ids: Ids,
        clock: Clock,
        socket_root: Path,
        free_slots: Callable[[], int],
        has_room: Callable[[], bool],
        look_s: float = LOOK_S,
        settle_s: float = _SETTLE_S,
    ) -> None:
        """`has_room` tells whether the host's memory bears one more; it may block."""
        self._engine, self._wanted, self._new_spec, self._ids, self._clock = engine, wanted, new_spec, ids, clock
        self._socket_root, self._free_slots, self._has_room, self._look_s = socket_root, free_slots, has_room, look_s
        self._settle_s = settle_s
        self._all: dict[str, Warm] = {}
        self._starting = 0
        self._rested_s = 0.0
        self._runner_id = ""
        self._begun, self._changed = asyncio.Event(), asyncio.Event()

    def begin(self, runner_id: str) -> None:
        """What an earlier process left is cleared away. Idempotent."""
        self._runner_id = runner_id
        self._begun.set()

    def __contains__(self, sandbox_id: object) -> bool:
        """Whether the sandbox is one of these, being made, waiting or handed over."""
        return sandbox_id in self._all

    @property
    def waiting(self) -> int:
        """How many anybody may have."""
        return len(self._waiting())

    @contextmanager
    def starting(self) -> Iterator[None]:
        """While the context lasts, an attempt begins: nothing is made ahead beside it."""
        self._starting += 1
        try:
            yield
        finally:
            self._starting -= 1
            self._rest(self._settle_s)
            self._changed.set()

    async def take(self, image: str, *, image_env: Sequence[str] = (), workspace_image: str = "") -> Warm | None:
        """One that waits, of just this make (as in SandboxSpec), and is fit: it belongs to the caller, who must end it.
        None: there is none."""
        for warm in self._waiting():
            made = warm.spec
            if (made.image, made.image_env, made.workspace_image) != (image, tuple(image_env), workspace_image):
                continue
            warm.taken = True
            try:
                fit = await self._is_fit(warm)
            except BaseException:
                warm.end()
                raise
            if fit:
                return warm
            warm.end()
        return None

    async def run(self) -> None:
        """Keep them, for ever. Cancelled, it leaves nothing."""
        if not self._wanted:
            # Nothing is ever wanted, and whoever runs beside this goes on.
            await asyncio.Event().wait()
        await self._begun.wait()
        async with asyncio.TaskGroup() as group:
            while True:
                self._changed.clear()
                await self._look(group)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._until_next_s()):
                        await self._changed.wait()

    def _until_next_s(self) -> float:
        """To the end of a rest, if that is sooner than the next look."""
        left_s = self._rested_s - self._clock.boot_s()
        return min(self._look_s, left_s) if left_s > 0 else self._look_s

    def _rest(self, seconds: float) -> None:
        self._rested_s = max(self._rested_s, self._clock.boot_s() + seconds)

    def _waiting(self) -> list[Warm]:
        return [warm for warm in self._all.values() if warm.is_waiting]

    async def _look(self, group: asyncio.TaskGroup) -> None:
        for warm in self._waiting():
            if not await self._is_fit(warm) and warm.is_waiting:
                warm.end()
        decided = plan(self._waiting(), self._wanted, free=self._free_slots())
        for warm in decided.surplus:
            warm.end()
        if decided.lacking and await self._may_make():
            try:
                warm = await self._new(decided.lacking)
            except _BROKEN as exc:
                self._not_made(decided.lacking, exc)
            else:
                group.create_task(self._keep(warm), name=warm.spec.sandbox_id)

    async def _may_make(self) -> bool:
        """One at a time, and nothing beside an attempt that begins."""
        at_it = any(not warm.is_made for warm in self._all.values())
        if self._starting or at_it or self._clock.boot_s() < self._rested_s:
            return False
        return await asyncio.to_thread(self._has_room)

    async def _is_fit(self, warm: Warm) -> bool:
        """It answers, its image is still the one of that name, and its runner is still there to it."""
        try:
            async with asyncio.timeout(_FIT_S):
                image_id, *_ = await asyncio.gather(
                    self._engine.image_id(warm.spec.image),
                    warm.check(),
                    asyncio.to_thread(lifeline.renew, warm.spec.socket_dir),
                )
        except _BROKEN as exc:
            structlog.get_logger().info("warm_sandbox_unfit", sandbox_id=warm.spec.sandbox_id, reason=str(exc))
            return False
        return image_id == warm.image_id and self._clock.boot_s() - warm.since_s < _MOST_AGE_S

    async def _new(self, image: str) -> Warm:
        sandbox_id, workspace_id = self._ids.new("sbx"), self._ids.new("wsp")
        spec = await self._new_spec(sandbox_id, workspace_id, self._socket_root / sandbox_id, image, self._runner_id)
        warm = self._all[sandbox_id] = Warm(spec, since_s=self._clock.boot_s())
        return warm

    async def _keep(self, warm: Warm) -> None:
        """A sandbox from its making to its end, in a task of its own: it outlives the attempt that asked for others."""
        try:
            await asyncio.to_thread(warm.spec.socket_dir.mkdir)
            warm.image_id = await self._engine.image_id(warm.spec.image)
            async with self._engine.open(warm.spec) as sandbox:
                self._changed.set()
                await warm.stay(sandbox)
        except _BROKEN as exc:
            self._not_made(warm.spec.image, exc)
        finally:
            await to_the_end(self._clear(warm))

    def _not_made(self, image: str, error: Exception) -> None:
        self._rest(_REST_S)
        structlog.get_logger().warning("warm_sandbox_not_made", image=image, error=str(error))

    async def _clear(self, warm: Warm) -> None:
        """Of one that nobody took, nothing stays."""
        if not warm.handed_over:
            await asyncio.to_thread(shutil.rmtree, warm.spec.socket_dir, ignore_errors=True)
            # What cannot be removed now is nobody's, and goes with the next sweep.
            with suppress(EngineUnavailable, SandboxFailed):
                await self._engine.remove_workspace(warm.spec.workspace_id)
        del self._all[warm.spec.sandbox_id]
        warm.is_over()
        self._changed.set()
