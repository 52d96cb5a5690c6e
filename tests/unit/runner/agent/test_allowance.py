"""What a task may still spend, decided before each request: at its worst it is never more than what is left."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errand_common.values import Role
from errand_runner.agent.allowance import (
    FLOOR_TOKENS,
    NOTHING,
    Amounts,
    Granted,
    Never,
    Prospect,
    Short,
    decide,
    low,
    note,
    with_note,
)
from errand_runner.agent.blocks import encode
from errand_runner.agent.exchange import Tokens
from errand_runner.agent.facts import AllowanceLow, MessageAppended, ReplyDropped, TextDelta, Usage
from errand_runner.agent.ours import persons_words
from errand_runner.agent.prices import Price
from errand_runner.agent.purse import Purse
from errand_runner.agent.transcript import Message

# Dollars per million tokens: $0.000002 a token read, 0.0000025 one that goes into the cache, 0.00001 one written.
PRICE = Price(
    input=Decimal(2),
    output=Decimal(10),
    cache_write_5m=Decimal("2.5"),
    cache_write_1h=Decimal(4),
    cache_read=Decimal("0.1"),
)
DOLLAR = 10**9


def prospect(*, prompt: int = 10_000, reply: int = 32_000, price: Price | None = PRICE) -> Prospect:
    return Prospect("claude-x", prompt, reply, price)


def granted(limits: Amounts, spent: Amounts = NOTHING, wanted: Prospect | None = None) -> int:
    answer = decide(limits, spent, wanted or prospect())
    assert isinstance(answer, Granted), answer
    return answer.reply_tokens


def refused(limits: Amounts, spent: Amounts = NOTHING, wanted: Prospect | None = None) -> str:
    answer = decide(limits, spent, wanted or prospect())
    assert isinstance(answer, Short), answer
    assert (answer.limits, answer.resume_s) == (limits, None)
    return answer.words


def test_without_limits_a_reply_may_be_as_long_as_it_may() -> None:
    assert granted(Amounts(), Amounts(10**15, 10**9, 10**6, 10**9)) == 32_000
    assert granted(Amounts(), Amounts(cost_nanodollars=None), prospect(price=None)) == 32_000


def test_money_that_is_enough_shortens_nothing_and_less_shortens_the_reply() -> None:
    # 10,000 tokens cost $0.025 at worst; $0.32 are 32,000 of a reply.
    assert granted(Amounts(cost_nanodollars=345_000_000)) == 32_000
    assert granted(Amounts(cost_nanodollars=344_990_000)) == 31_999
    assert granted(Amounts(cost_nanodollars=DOLLAR), Amounts(cost_nanodollars=900_000_000)) == 7_500


def test_a_reply_too_short_to_be_of_use_is_not_asked_for() -> None:
    least = 25_000_000 + FLOOR_TOKENS * 10_000
    assert granted(Amounts(cost_nanodollars=least)) == FLOOR_TOKENS
    assert refused(Amounts(cost_nanodollars=least - 1)) == (
        "$0.0000 of the $0.0350 are spent that this task may cost; the next request may cost $0.0350. Raise the task's"
        " allowance, and the work goes on."
    )
    assert granted(Amounts(cost_nanodollars=25_100_000), wanted=prospect(reply=10)) == 10


def test_money_that_is_overspent_grants_nothing() -> None:
    words = refused(Amounts(cost_nanodollars=2 * DOLLAR), Amounts(cost_nanodollars=3 * DOLLAR))
    assert words.startswith("$3.00 of the $2.00 are spent")


def test_a_prompt_that_is_too_dear_is_refused_though_no_reply_is_wanted() -> None:
    words = refused(Amounts(cost_nanodollars=DOLLAR), wanted=prospect(prompt=10**6, reply=0))
    assert "the next request may cost $2.50" in words


def test_tokens_shorten_the_reply_too() -> None:
    assert granted(Amounts(tokens=100_000), Amounts(tokens=60_000)) == 30_000
    assert refused(Amounts(tokens=100_000), Amounts(tokens=89_001)).startswith("89,001 of the 100,000 tokens")


def test_requests_and_time_are_enough_or_not() -> None:
    assert granted(Amounts(requests=5, work_s=600), Amounts(requests=4, work_s=599.9)) == 32_000
    assert refused(Amounts(requests=5), Amounts(requests=5)).startswith("All 5 requests")
    assert refused(Amounts(work_s=600), Amounts(work_s=600.0)).startswith("The 10 minutes")


@pytest.mark.parametrize(
    ("wanted", "spent"), [(prospect(price=None), Amounts()), (prospect(), Amounts(cost_nanodollars=None))]
)
def test_a_limit_on_money_is_not_held_by_guessing(wanted: Prospect, spent: Amounts) -> None:
    answer = decide(Amounts(cost_nanodollars=DOLLAR), spent, wanted)
    assert isinstance(answer, Never)
    assert answer.words.startswith("What claude-x costs is not known here")
    assert granted(Amounts(tokens=10**9, requests=5, work_s=60), spent, wanted) == 32_000


def test_four_fifths_of_any_limit_are_told() -> None:
    assert low(Amounts(), Amounts(10**15, 10**9, 10**6, 10**9)) == ""
    assert low(Amounts(cost_nanodollars=5 * DOLLAR), Amounts(cost_nanodollars=4 * DOLLAR - 1)) == ""
    assert low(Amounts(cost_nanodollars=5 * DOLLAR), Amounts(cost_nanodollars=4 * DOLLAR)) == "$5.00"
    assert low(Amounts(tokens=2_000_000), Amounts(tokens=1_600_000)) == "2,000,000 tokens"
    assert low(Amounts(requests=50), Amounts(requests=40)) == "50 requests"
    assert low(Amounts(work_s=3600), Amounts(work_s=2880)) == "60 minutes"


def test_a_note_stands_behind_results_and_before_a_persons_words() -> None:
    result, words = {"type": "tool_result", "tool_use_id": "t"}, {"type": "text", "text": "And this."}
    content = with_note([result, words], note("$5.00"))
    assert [block.get("text", "") for block in content] == ["", note("$5.00"), "And this."]
    assert persons_words(Message("msg_1", Role.USER, encode(content))) == ["And this."]
    assert with_note([result], "") == [result]


class Service:
    """Takes any request that is granted, for no more than it may cost; keeps on record what survives a crash."""

    def __init__(self, limits: Amounts) -> None:
        self.limits, self.recorded, self.elapsed_s = limits, Amounts(), 0.0
        self.purse = self._purse()

    def _purse(self) -> Purse:
        return Purse(limits=lambda: self.limits, spent=self.recorded, now_s=lambda: self.elapsed_s)

    def crash(self) -> None:
        self.recorded = replace(self.recorded, work_s=self.elapsed_s)
        self.purse = self._purse()

    def ask(self, wanted: Prospect, *, cached: float, written: float, dropped: bool, lasts_s: float) -> None:
        answer = asyncio.run(self.purse.grant(wanted))
        if not isinstance(answer, Granted):
            return
        limits, before = self.limits, self.recorded
        assert answer.reply_tokens <= wanted.reply_tokens
        worst = wanted.worst_nanodollars(answer.reply_tokens)
        assert not limits.cost_nanodollars or worst <= limits.cost_nanodollars - (before.cost_nanodollars or 0)
        assert not limits.tokens or wanted.prompt_tokens + answer.reply_tokens <= limits.tokens - before.tokens
        assert not limits.requests or before.requests < limits.requests
        assert not limits.work_s or self.elapsed_s < limits.work_s
        self.elapsed_s += lasts_s
        read = int(wanted.prompt_tokens * cached)
        used = Tokens(cache_read=read, cache_write_5m=wanted.prompt_tokens - read)
        used = replace(used, output=int(answer.reply_tokens * written))
        cost = PRICE.cost_nanodollars(used)
        usage = Usage(0, used.cache_write_5m, used.cache_read, used.output, cost)
        fact = (
            ReplyDropped("msg_1", "claude-x", usage, "it broke off")
            if dropped
            else MessageAppended("msg_1", Role.ASSISTANT, b"[]", usage=usage)
        )
        self.purse.hear(fact)
        self.recorded = Amounts(
            (before.cost_nanodollars or 0) + cost, before.tokens + used.prompt + used.output, before.requests + 1
        )

    def raise_by(self, more: Amounts) -> None:
        limits = self.limits
        assert limits.cost_nanodollars is not None
        self.limits = Amounts(
            limits.cost_nanodollars and limits.cost_nanodollars + (more.cost_nanodollars or 0),
            limits.tokens and limits.tokens + more.tokens,
            limits.requests and limits.requests + more.requests,
            limits.work_s and limits.work_s + more.work_s,
        )


AMOUNTS = st.builds(
    Amounts,
    cost_nanodollars=st.integers(0, 3 * DOLLAR),
    tokens=st.integers(0, 500_000),
    requests=st.integers(0, 6),
    work_s=st.integers(0, 100).map(float),
)
ASKED = st.tuples(
    st.builds(prospect, prompt=st.integers(1, 200_000), reply=st.integers(1, 64_000)),
    st.floats(0, 1),
    st.floats(0, 1),
    st.booleans(),
    st.integers(0, 30).map(float),
)


@given(limits=AMOUNTS, steps=st.lists(st.one_of(ASKED, AMOUNTS, st.just("crash")), max_size=30))
def test_no_request_is_started_whose_worst_case_is_more_than_what_is_left(
    limits: Amounts, steps: Sequence[object]
) -> None:
    service = Service(limits)
    for step in steps:
        match step:
            case Amounts():
                service.raise_by(step)
            case (Prospect() as wanted, float(cached), float(written), bool(dropped), float(lasts_s)):
                service.ask(wanted, cached=cached, written=written, dropped=dropped, lasts_s=lasts_s)
            case _:
                service.crash()
        now, most = service.recorded, service.limits
        assert not most.cost_nanodollars or (now.cost_nanodollars or 0) <= most.cost_nanodollars
        assert not most.tokens or now.tokens <= most.tokens
        assert not most.requests or now.requests <= most.requests


def used(cost: int) -> ReplyDropped:
    return ReplyDropped("msg_1", "claude-x", Usage(0, 0, 0, 0, cost), "it broke off")


def test_that_most_is_spent_is_told_once_for_each_limit() -> None:
    limits = [Amounts(cost_nanodollars=DOLLAR)]
    purse = Purse(limits=lambda: limits[0])
    told = AllowanceLow("Four fifths of $1.00 are spent.")
    assert [purse.hear(used(each)) for each in (790_000_000, 10_000_000, 10_000_000)] == [None, told, None]
    limits[0] = Amounts(cost_nanodollars=2 * DOLLAR)
    assert purse.hear(used(700_000_000)) is None
    assert purse.hear(used(100_000_000)) == AllowanceLow("Four fifths of $2.00 are spent.")
    assert Purse(limits=lambda: limits[0], spent=purse.spent).hear(used(1)) is None


def test_the_pieces_of_a_reply_have_nobody_look_at_the_limits() -> None:
    looks = 0

    def limits() -> Amounts:
        nonlocal looks
        looks += 1
        return Amounts(requests=1)

    purse = Purse(limits=limits)
    before = looks
    assert [purse.hear(TextDelta("msg_1", 0, "text", "a word ")) for _ in range(100)] == [None] * 100
    assert looks == before


def test_claude_is_told_in_words_that_it_has_not_read() -> None:
    purse = Purse(limits=lambda: Amounts(requests=5), spent=Amounts(requests=4))
    said = Message("msg_1", Role.USER, encode([{"type": "text", "text": note("5 requests")}]))
    assert purse.note([]) == note("5 requests")
    assert purse.note([said]) == ""
    assert Purse(limits=lambda: Amounts(requests=6), spent=Amounts(requests=4)).note([]) == ""


def test_a_cost_that_nobody_knows_makes_the_sum_unknown() -> None:
    purse = Purse(spent=Amounts(cost_nanodollars=5))
    purse.hear(ReplyDropped("msg_1", "other", Usage(1, 2, 3, 4, None), "it broke off"))
    purse.hear(used(7))
    assert replace(purse.spent, work_s=0.0) == Amounts(cost_nanodollars=None, tokens=10, requests=2)
