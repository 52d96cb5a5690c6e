"""Who was reached and who was not: each connection is told, and many of them together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from errand_common.values import EgressOutcome

TOLD_ALONE = 200
"""Connections of an attempt that have an event of their own (ARCHITECTURE.md, Bounds)."""

MOST_SUMS = 20
"""Hosts and outcomes that are counted on their own; the rest is counted as other hosts, without a name."""

SUM_S = 60.0
"""How long what is counted together waits to be told."""

_SETTLE_S = 2.0
_MOST_WORDS = 5
_FAULTS = (EgressOutcome.BLOCKED, EgressOutcome.REFUSED, EgressOutcome.UNREACHABLE)


@dataclass(frozen=True, kw_only=True)
class Use:
    """One connection, or several to a host that went the same way. `host` is as it was asked for, empty where there is
    none to name; `reason` says in words why it was no connection, or ended before its time."""

    host: str
    outcome: EgressOutcome
    connections: int = 1
    sent_bytes: int = 0
    received_bytes: int = 0
    duration_s: float = 0.0
    reason: str = ""

    def plus(self, other: "Use") -> "Use":
        """Both together, with the other's words."""
        return replace(
            self,
            connections=self.connections + other.connections,
            sent_bytes=self.sent_bytes + other.sent_bytes,
            received_bytes=self.received_bytes + other.received_bytes,
            duration_s=self.duration_s + other.duration_s,
            reason=other.reason or self.reason,
        )


class Ledger:
    """One attempt's, whatever becomes of its sandboxes. `tell` makes an event of what it is given."""

    def __init__(self, tell: Callable[[Sequence[Use]], Awaitable[None]], *, sum_s: float = SUM_S) -> None:
        self._tell, self._sum_s = tell, sum_s
        self._alone: list[Use] = []
        self._left = TOLD_ALONE
        self._sums: dict[tuple[str, EgressOutcome], Use] = {}
        self._sums_since_s = 0.0
        self._told_faults: set[tuple[str, EgressOutcome]] = set()
        self._words: dict[str, None] = {}
        self._noted = asyncio.Event()

    def note(self, use: Use) -> None:
        """A connection is over, or came to nothing."""
        key = (use.host, use.outcome)
        if use.outcome in _FAULTS:
            self._words[use.reason] = None
            if len(self._words) > _MOST_WORDS:
                del self._words[next(iter(self._words))]
        # What is refused is tried again, by most programs at once.
        again = use.outcome in _FAULTS and key in self._told_faults
        if self._left and not again:
            self._left -= 1
            self._alone.append(use)
            if use.outcome in _FAULTS:
                self._told_faults.add(key)
        else:
            self._add(key, use)
        self._noted.set()

    def take_words(self) -> list[str]:
        """Why something was not reached since this was asked last, each reason once, the newest five."""
        words, self._words = list(self._words), {}
        return words

    async def watch(self) -> None:
        """Tell, for ever. Raises what `tell` raises."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._sums_left_s()):
                    await self._noted.wait()
            self._noted.clear()
            await self._tell_alone()
            if self._sums and self._sums_left_s() == 0:
                await self._tell_sums()

    async def settle(self) -> None:
        """Tell all that is left, once nothing more is noted; within 2 s, for somebody may wait for the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S):
                await self._tell_alone()
                if self._sums:
                    await self._tell_sums()

    def _add(self, key: tuple[str, EgressOutcome], use: Use) -> None:
        if not self._sums:
            self._sums_since_s = _now_s()
        if key not in self._sums and len(self._sums) >= MOST_SUMS:
            key, use = ("", use.outcome), replace(use, host="")
        self._sums[key] = self._sums[key].plus(use) if key in self._sums else use

    def _sums_left_s(self) -> float | None:
        return max(0.0, self._sums_since_s + self._sum_s - _now_s()) if self._sums else None

    async def _tell_alone(self) -> None:
        while self._alone:
            # Off the list before it is told: whoever is interrupted does not tell it twice.
            await self._tell([self._alone.pop(0)])

    async def _tell_sums(self) -> None:
        sums, self._sums = list(self._sums.values()), {}
        await self._tell(sums)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
