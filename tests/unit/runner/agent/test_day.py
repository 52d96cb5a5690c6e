"""Of a person's day an attempt spends what the scheduler lent it, and nothing else."""

from datetime import date

import pytest

from errand_runner.agent.allowance import NOTHING, Granted, Never, Prospect, Short
from errand_runner.agent.day import Day, Drawn
from errand_runner.agent.prices import PriceList

MODEL = "claude-sonnet-5-5"
PRICE = PriceList.load().price_of(MODEL, prompt_tokens=1_000, day=date(2026, 11, 23))
ASKED = Prospect(MODEL, 1_000, 4_000, PRICE)
LEAST, MOST = ASKED.worst_nanodollars(1_000), ASKED.worst_nanodollars(4_000)


class Lender:
    """Lends what it was told to, one after the other."""

    def __init__(self, *drawn: Drawn) -> None:
        self.drawn, self.asked = list(drawn), list[tuple[int, int]]()
        self.limited = True

    async def draw(self, least: int, most: int) -> Drawn:
        self.asked.append((least, most))
        return self.drawn.pop(0)

    def day(self, *, cost: int = 0) -> Day:
        return Day(self.draw, limited=lambda: self.limited, cost=cost)


async def test_what_was_lent_is_enough_for_several_requests() -> None:
    lender = Lender(Drawn(MOST + 500), Drawn(3 * MOST))
    day = lender.day()
    assert await day.grant(ASKED, NOTHING) == Granted(4_000)
    day.add(500)
    assert await day.grant(ASKED, NOTHING) == Granted(4_000)
    day.add(1)
    assert await day.grant(ASKED, NOTHING) == Granted(4_000)
    assert lender.asked == [(LEAST, MOST), (501 + LEAST, 501 + MOST)]


async def test_an_attempt_that_goes_on_asks_for_all_that_it_cost_and_the_next_request() -> None:
    lender = Lender(Drawn(10**12))
    await lender.day(cost=7_000).grant(ASKED, NOTHING)
    assert lender.asked == [(7_000 + LEAST, 7_000 + MOST)]


async def test_a_reply_is_as_long_as_what_is_lent_is_enough_for() -> None:
    lent = ASKED.worst_nanodollars(2_500)
    assert await Lender(Drawn(lent)).day().grant(ASKED, NOTHING) == Granted(2_500)
    assert await Lender(Drawn(lent - 1)).day().grant(ASKED, NOTHING) == Granted(2_499)
    assert await Lender(Drawn(LEAST)).day().grant(ASKED, NOTHING) == Granted(1_000)


async def test_what_is_not_lent_is_not_spent_and_is_asked_for_again() -> None:
    lender = Lender(Drawn(LEAST - 1, "the day is spent", 60.0), Drawn(LEAST))
    day = lender.day()
    assert await day.grant(ASKED, NOTHING) == Short("the day is spent", NOTHING, 60.0)
    assert await day.grant(ASKED, NOTHING) == Granted(1_000)


async def test_what_no_day_is_enough_for_is_not_waited_for() -> None:
    assert await Lender(Drawn(0, "too long")).day().grant(ASKED, NOTHING) == Never("too long")


async def test_a_cost_that_nobody_knows_is_all_that_was_lent_for_it() -> None:
    lender = Lender(Drawn(MOST), Drawn(3 * MOST))
    day = lender.day()
    await day.grant(ASKED, NOTHING)
    day.add(None)
    await day.grant(ASKED, NOTHING)
    assert lender.asked[1] == (MOST + LEAST, 2 * MOST)


async def test_a_request_whose_price_is_unknown_is_never_made() -> None:
    lender = Lender()
    answer = await lender.day().grant(Prospect("claude-nobody-knows", 1_000, 4_000, None), NOTHING)
    assert isinstance(answer, Never)
    assert "claude-nobody-knows costs is not known here" in answer.words
    assert lender.asked == []


@pytest.mark.parametrize("price", [PRICE, None])
async def test_nothing_is_asked_for_while_the_day_is_not_limited(price: object) -> None:
    lender = Lender(Drawn(10**12))
    lender.limited = False
    day = lender.day()
    asked = ASKED if price else Prospect(MODEL, 1_000, 4_000, None)
    assert await day.grant(asked, NOTHING) == Granted(4_000)
    assert lender.asked == []
    lender.limited = True
    await day.grant(ASKED, NOTHING)
    assert len(lender.asked) == 1, "a limit that comes later holds from the next request on"
