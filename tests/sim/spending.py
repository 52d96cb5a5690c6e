"""What a scripted conversation spends: the real purse, day and waiting; the model's prices are made up."""

from collections.abc import AsyncGenerator
from typing import Any, cast

from errand.v1 import task_pb2
from errand_common import wire
from errand_runner.agent import facts
from errand_runner.agent.affording import Affording
from errand_runner.agent.agent import Agent
from errand_runner.agent.allowance import Amounts
from errand_runner.agent.day import Day, Drawn
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.prices import PriceList
from errand_runner.agent.purse import Purse
from errand_runner.agent.redact import Redactor
from errand_runner.agent.transcript import Transcript
from errand_runner.inputs import Inbox
from errand_runner.talk import Hearing
from tests.sim.temper import Means

NANODOLLARS = 1_000
"""What a reply costs at least; at most four times as much."""
HOT_S = 120.0
_PRICES = """
- models: [claude]
  effective_from: 2020-01-01
  price: {input: 0, output: 0.004, cache_write_5m: 0, cache_write_1h: 0, cache_read: 0}
"""
_REPLY_TOKENS = 1_000


class Spending:
    """One attempt's, from the transcript that it begins with."""

    def __init__(self, means: Means, assignment: Any, inbox: Inbox, stored: list[Any]) -> None:
        self._means, self._assignment, self._inbox = means, assignment, inbox
        spent = next((each.spent for each in stored if each.HasField("spent")), task_pb2.Spent())
        cost = next((each.attempt_nanodollars for each in stored if each.HasField("attempt_nanodollars")), 0)
        day = Day(self._draw, limited=lambda: self._limited, cost=cost)
        before = Amounts(spent.cost_nanodollars, spent.tokens, spent.requests, wire.seconds(spent.work_duration))
        purse = Purse(limits=self._limits, spent=before, now_s=means.clock.boot_s, day=day)
        hearing = Hearing(
            inbox=inbox,
            transcript=cast(Any, None),
            about=cast(Any, None),
            redactor=Redactor([]),
            answer_s=HOT_S,
        )
        self._agent = Agent(
            model=cast(Any, None),
            tools=cast(Any, None),
            prices=PriceList.load(_PRICES),
            new_id=means.ids.new,
            purse=purse,
            raised=lambda limits: hearing.raised(limits, self._limits),
            now_s=means.clock.boot_s,
            longest_delay_s=HOT_S,
        )
        prefix = Prefix.freeze(model="claude", max_tokens=_REPLY_TOKENS, system="", tools=())
        self._affording = Affording(self._agent, Transcript(prefix))

    async def afford(self) -> AsyncGenerator[facts.Fact]:
        """Before a request, as the loop does. Where `parked` is set afterwards, it is not made."""
        async for fact in self._affording.ask(_REPLY_TOKENS):
            yield fact

    @property
    def parked(self) -> bool:
        """Whether there was not enough, for too long."""
        return self._affording.ending is not None

    def heard(self, fact: facts.Fact) -> None:
        """Counts what a fact tells."""
        self._agent.purse.hear(fact)

    @property
    def _limited(self) -> bool:
        told = self._inbox.draws_money
        return bool(self._assignment.draws_money if told is None else told)

    def _limits(self) -> Amounts:
        allowance = self._inbox.allowance or self._assignment.task.allowance
        return Amounts(cost_nanodollars=allowance.cost_nanodollars)

    async def _draw(self, least: int, most: int) -> Drawn:
        drawn = await self._means.dispatch.draw_money(self._assignment.attempt, least=least, most=most)
        resume_s = wire.seconds(drawn.resume_duration) if drawn.HasField("resume_duration") else None
        return Drawn(drawn.granted_nanodollars, drawn.reason, resume_s)
