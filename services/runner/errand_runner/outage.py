"""GitHub does not answer, or git is killed: a step is tried again for a bounded time, and each wait is told."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from errand_common.clock import Clock
from errand_common.errors import Unavailable

Answer = TypeVar("Answer")

# Of the whole patience: with 15 minutes the waits grow from 3 s to a minute.
_FIRST_PART = 1 / 300
_LONGEST_PART = 1 / 15


MOST_KILLS = 3
"""So often in a row git may be killed in one step: what takes more memory than there is will do so each time."""


class Passing(Exception):
    """The same may succeed later."""


class HostAway(Passing):
    """The git host, or GitHub's API, does not answer; the same may succeed later. The message says what was found."""


class Killed(Passing):
    """A command was killed before it had an answer; the message says by what."""


@dataclass
class GitHost:
    """The git host as the broker, which alone talks to it, last saw it."""

    trouble: str = ""
    """Why it could not be reached or served nothing; empty when it answered, be it a refusal."""


@dataclass(frozen=True)
class GitPatience:
    """For how many seconds one step is tried again, from its first failure on. A wait that the host asks for does not
    count, up to `asked_s` in all: GitHub's limits are by the hour."""

    budget_s: float = 15 * 60.0
    asked_s: float = 65 * 60.0

    def delay_s(self, *, failures: int, asked_s: float, chance: float) -> float:
        """The wait after so many failures, from 1 up. `chance` in [0, 1) keeps many attempts from coming back at once;
        what the host asks for is a floor."""
        ceiling = min(self.budget_s * _FIRST_PART * 2.0 ** min(failures - 1, 30), self.budget_s * _LONGEST_PART)
        return asked_s + ceiling * (1 + chance) / 2


async def until_answered(
    step: Callable[[], Awaitable[Answer]],
    *,
    patience: GitPatience,
    clock: Clock,
    delayed: Callable[[str, float], Awaitable[None]],
) -> Answer:
    """The step's result. While it raises HostAway, Killed or Unavailable it is done again; `delayed(why, wait in
    seconds)` tells of each wait.

    Raises HostAway, with how long it was tried, once a wait would end after the patience does, and Killed then or where
    that came three times in a row.
    """
    first_failure_s: float | None = None
    failures = kills = 0
    excused_s = 0.0
    while True:
        try:
            return await step()
        except (Passing, Unavailable) as exc:
            failures += 1
            kills = kills + 1 if isinstance(exc, Killed) else 0
            now_s = clock.boot_s()
            first_failure_s = now_s if first_failure_s is None else first_failure_s
            asked_s = _asked_s(exc)
            delay_s = patience.delay_s(failures=failures, asked_s=asked_s, chance=random.random())  # noqa: S311
            if asked_s <= patience.asked_s - excused_s:
                excused_s += asked_s
            is_over = now_s + delay_s - first_failure_s - excused_s > patience.budget_s
            if isinstance(exc, Killed) and (is_over or kills >= MOST_KILLS):
                raise
            if is_over:
                times = "once" if failures == 1 else f"{failures} times in {now_s - first_failure_s:.0f} s"
                tried = f"tried {times}"
                raise HostAway(f"{exc} ({tried}; ERRAND_GIT_PATIENCE_SECONDS)") from exc
            await delayed(str(exc), delay_s)
        await asyncio.sleep(delay_s)


def _asked_s(error: Passing | Unavailable) -> float:
    """How long GitHub's API asks to be left alone."""
    if isinstance(error, Unavailable) and error.retry_after is not None:
        return error.retry_after.total_seconds()
    return 0.0
