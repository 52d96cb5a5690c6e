"""What a task may spend and spent, counted on while an attempt has it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from errand_common.values import Role
from errand_runner.agent.allowance import NOTHING, Amounts, Granted, Never, Prospect, Short, decide, low, note
from errand_runner.agent.day import Day
from errand_runner.agent.facts import (
    AllowanceLow,
    ConversationShortened,
    Fact,
    MessageAppended,
    ReplyDropped,
    TextDelta,
    Usage,
)
from errand_runner.agent.transcript import Message


def no_limits() -> Amounts:
    """Nothing is limited."""
    return Amounts()


class Purse:
    """One attempt's. `limits` are the task's as they are now, `spent` is what it spent before, over all attempts; `day`
    knows how much of the person's day is left for it."""

    def __init__(
        self,
        *,
        limits: Callable[[], Amounts] = no_limits,
        spent: Amounts = NOTHING,
        now_s: Callable[[], float] = time.monotonic,
        day: Day | None = None,
    ) -> None:
        self._limits, self._spent, self._now_s = limits, spent, now_s
        self._day = day
        self._began_s = now_s()
        self._told = low(limits(), spent)

    @property
    def spent(self) -> Amounts:
        """What the task spent until now."""
        return replace(self._spent, work_s=self._spent.work_s + self._now_s() - self._began_s)

    async def grant(self, prospect: Prospect) -> Granted | Short | Never:
        """Decides on the next request. The caller makes it before it asks for another."""
        limits = self._limits()
        answer = decide(limits, self.spent, prospect)
        if self._day is None or not isinstance(answer, Granted):
            return answer
        return await self._day.grant(replace(prospect, reply_tokens=answer.reply_tokens), limits)

    def hear(self, fact: Fact) -> AllowanceLow | None:
        """Counts what a fact tells to have been used; gives what there is to tell of it, once for each limit."""
        if isinstance(fact, TextDelta):
            # One of hundreds: what the reply used comes with its end.
            return None
        if isinstance(fact, MessageAppended | ConversationShortened | ReplyDropped) and fact.usage is not None:
            self._add(fact.usage)
        limit = low(self._limits(), self.spent)
        told, self._told = self._told, limit or self._told
        return AllowanceLow(f"Four fifths of {limit} are spent.") if limit and limit != told else None

    def note(self, messages: Sequence[Message]) -> str:
        """What Claude should be told, in words that stand in none of these messages yet; empty for nothing."""
        limit = low(self._limits(), self.spent)
        if not limit:
            return ""
        words = note(limit)
        said = (block.get("text") for each in messages if each.role is Role.USER for block in each.blocks)
        return "" if words in said else words

    def _add(self, used: Usage) -> None:
        if self._day is not None:
            self._day.add(used.cost_nanodollars)
        before = self._spent
        unknown = before.cost_nanodollars is None or used.cost_nanodollars is None
        tokens = used.input_tokens + used.cache_write_tokens + used.cache_read_tokens + used.output_tokens
        self._spent = replace(
            before,
            cost_nanodollars=None if unknown else (before.cost_nanodollars or 0) + (used.cost_nanodollars or 0),
            tokens=before.tokens + tokens,
            requests=before.requests + 1,
        )
