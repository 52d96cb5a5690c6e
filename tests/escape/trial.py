"""Runs an attempt in the sandbox and in its control, and judges what came of it."""

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from errand_runner.sandbox.supervisor import SandboxGone
from tests.escape import outside
from tests.escape.attempt import Attempt
from tests.escape.places import ControlMissing, Inside, Place
from tests.escape.world import World

FLOOD_CHARS = 1_000_000
"""No call may leave more than this with the runner."""

_LOOK_S = 0.2
# A control must succeed, and may take its time on a busy host.
_PATIENCE_S = 15
_LONG_CHARS = 20_000
# Followed by the whole command.
_KILLED = re.compile(r"^bash: line \d+: +\d+ Killed ", re.MULTILINE)
# ENODEV, ENOSYS, EOPNOTSUPP, EAFNOSUPPORT: where no wall is in between, the kernel says them.
_ABSENT = re.compile(r"^refused: \[Errno (?:19|38|95|97)\] (.*)")
_WELL = "well"


@dataclass(frozen=True)
class Verdict:
    """`through` says how it got through, empty where it was refused; `words` is the last thing that was said."""

    through: str
    words: str


@dataclass(frozen=True)
class Tried:
    """An attempt in both places. Without `control` this host cannot have one, and the attempt proves nothing."""

    attempt: Attempt
    inside: Verdict
    control: Verdict | None
    why_no_control: str = ""

    @property
    def proven(self) -> bool:
        """Refused inside, and successful where the wall was not."""
        return not self.inside.through and self.control is not None and bool(self.control.through)


async def try_both(world: World, attempt: Attempt) -> Tried:
    """Side by side."""
    async with asyncio.TaskGroup() as group:
        control = group.create_task(_control_or_why_not(world, attempt))
        inside = await try_inside(world, attempt)
    found = control.result()
    return Tried(attempt, inside, None, found) if isinstance(found, str) else Tried(attempt, inside, found)


async def _control_or_why_not(world: World, attempt: Attempt) -> Verdict | str:
    try:
        return await try_control(world, attempt)
    except ControlMissing as exc:
        return str(exc)


async def try_inside(world: World, attempt: Attempt) -> Verdict:
    """Through the sandbox's tools; then both sandboxes must work, and the host must look as before."""
    before = await asyncio.to_thread(world.seen_from_outside)
    judge = _Judge(attempt, world, bound_s=attempt.bound_s)
    verdict = await judge.judge(world.inside, world.neighbour, attempt.then and _tool(world.inside, attempt))
    if attempt.restart:
        await world.start_inside(attempt.restart)
    if attempt.spoils:
        await world.replace()
    trouble = await world.recover()
    if not verdict.through and attempt.lingers_s:
        verdict = await judge.linger(lambda: world.inside, verdict, attempt.lingers_s)
    changes = outside.changed(before, await asyncio.to_thread(world.seen_from_outside))
    if changes:
        trouble = f"changed outside: {', '.join(changes)}"
    return Verdict(verdict.through or trouble, verdict.words)


async def try_control(world: World, attempt: Attempt) -> Verdict:
    """The same payload in the unhardened container. Raises ControlMissing."""
    place = await world.control(attempt.control)
    if attempt.control.before:
        async for _ in place.run(attempt.control.before, timeout_s=10):
            pass
    judge = _Judge(attempt, world, bound_s=attempt.control.bound_s)
    then = attempt.control.then
    verdict = await judge.judge(place, place, place.run(then, timeout_s=attempt.timeout_s) if then else None)
    if not verdict.through and attempt.lingers_s:
        verdict = await judge.linger(lambda: place, verdict, _PATIENCE_S)
    if absent := _ABSENT.search(verdict.words):
        raise ControlMissing(f"the kernel does not have it: {absent[1]}")
    return verdict


def _tool(inside: Inside, attempt: Attempt) -> AsyncIterator[str]:
    assert attempt.then is not None
    return inside.use(*attempt.then)


class _Judge:
    def __init__(self, attempt: Attempt, world: World, *, bound_s: float) -> None:
        self._attempt, self._world, self._bound_s = attempt, world, bound_s
        self._token = secrets.token_hex(8)
        self._said = ""
        self._victim = ""

    async def judge(self, place: Place, victim: Place, then: AsyncIterator[str] | None) -> Verdict:
        command = self._attempt.payload.command(self._token, self._world.given)
        try:
            async with asyncio.timeout(self._bound_s):
                await self._hear(place.run(command, timeout_s=self._attempt.timeout_s), victim)
                if then is not None:
                    self._said += "\n"
                    await self._hear(then, victim)
        except TimeoutError:
            return Verdict(f"not over after {self._bound_s:g} s", _last_line(self._said))
        except SandboxGone as exc:
            return Verdict(self._through(), f"sandbox replaced: {exc}")
        return Verdict(self._through(), self._victim or _last_line(self._said))

    async def linger(self, place: Callable[[], Place], verdict: Verdict, lingers_s: float) -> Verdict:
        """What it does after the call is seen by a file that it leaves."""
        until = time.monotonic() + lingers_s
        while not self._through() and time.monotonic() < until:
            await asyncio.sleep(_LOOK_S)
            await self._hear(place().run("cat /workspace/through", timeout_s=10), place())
        return Verdict(self._through(), verdict.words)

    async def _hear(self, pieces: AsyncIterator[str], victim: Place) -> None:
        async with aclosing(pieces):  # type: ignore[type-var]
            async for piece in pieces:
                self._said += piece
                if len(self._said) > FLOOD_CHARS:
                    return
                if self._attempt.victim and "holding" in piece:
                    await self._ask_the_victim(victim)
                    return

    async def _ask_the_victim(self, victim: Place) -> None:
        said = "".join([piece async for piece in victim.run(self._attempt.victim, timeout_s=10)])
        self._victim = _WELL if _WELL in said else f"the neighbour suffered: {_last_line(said)}"

    def _through(self) -> str:
        if len(self._said) > FLOOD_CHARS:
            return f"more than {FLOOD_CHARS} characters kept"
        if f"GOT-THROUGH {self._token}" in self._said:
            return "got through"
        if self._attempt.shows and self._attempt.shows in self._said:
            return f"said {self._attempt.shows!r}"
        leaked = [name for name, canary in self._world.canaries.items() if canary in self._said]
        if leaked:
            return f"leaked: {', '.join(leaked)}"
        return "" if self._victim in ("", _WELL) else self._victim


def _last_line(text: str) -> str:
    """What was said by the payload itself: the tool adds a line in brackets, and the wrapper one where nothing was."""
    said = (line.strip() for line in text.splitlines())
    if len(text) > _LONG_CHARS:
        return f"{len(text):,} characters kept"
    if _KILLED.search(text):
        return "killed by the kernel"
    lines = [line for line in said if line and not line.startswith(("[exit code", "nothing was found"))]
    if not lines and "nothing was found" in text:
        return "nothing was found"
    return lines[-1][:160] if lines else ""
