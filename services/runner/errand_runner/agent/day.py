"""Money of the person's day: the scheduler lends it to attempts in slices, and none is spent that was not lent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from errand_runner.agent.allowance import Amounts, Granted, Never, Prospect, Short, affordable, floor, unpriced


@dataclass(frozen=True)
class Drawn:
    """Up to what the attempt may come, in nano-dollars. Where that is less than the least that was asked for, `reason`
    says why to the person, and after `resume_s` there may be more; None: never."""

    nanodollars: int
    reason: str = ""
    resume_s: float | None = None


Draw = Callable[[int, int], Awaitable[Drawn]]
"""Asks for the attempt to come to at least so many nano-dollars, and at most to so many."""


class Day:
    """One attempt's part of it; `cost` is what the attempt came to by now, in nano-dollars. Nothing is drawn while the
    day is not `limited`."""

    def __init__(self, draw: Draw, *, limited: Callable[[], bool], cost: int = 0) -> None:
        self._draw, self._limited, self._cost = draw, limited, cost
        self._drawn = 0

    async def grant(self, prospect: Prospect, limits: Amounts) -> Granted | Short | Never:
        """Decides on a request that the task's own `limits` allow."""
        if not self._limited():
            return Granted(prospect.reply_tokens)
        if prospect.price is None:
            return Never(unpriced(prospect.model))
        least = self._cost + prospect.worst_nanodollars(floor(prospect))
        most = self._cost + prospect.worst_nanodollars(prospect.reply_tokens)
        if self._drawn < most:
            drawn = await self._draw(least, most)
            self._drawn = max(self._drawn, drawn.nanodollars)
            if self._drawn < least:
                return Never(drawn.reason) if drawn.resume_s is None else Short(drawn.reason, limits, drawn.resume_s)
        left, reply = self._drawn - self._cost, prospect.reply_tokens
        return Granted(min(reply, affordable(prospect.price, left, prospect.prompt_tokens, most=reply)))

    def add(self, cost: int | None) -> None:
        """So many nano-dollars more. A cost that is unknown is all that was drawn for it."""
        self._cost = max(self._cost, self._drawn) if cost is None else self._cost + cost
