"""What a reply costs."""

from datetime import date

import pytest

from errand_runner.agent.exchange import Tokens
from errand_runner.agent.prices import PriceList

DAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("model", "tokens", "expected"),
    [
        ("claude-sonnet-5-5", Tokens(input=1), 2_000),
        ("claude-sonnet-5-5", Tokens(1, 1, 1, 1, 1), 2_000 + 2_500 + 4_000 + 100 + 10_000),
        ("claude-fable-5-1", Tokens(cache_read=1), 250),
        ("claude-opus-4-5-20251101", Tokens(output=1_000_000), 25_000_000_000),
        ("claude-haiku-5-5", Tokens(input=100_000), 10_000_000),
        ("claude-haiku-5-5", Tokens(input=50_000, cache_read=50_001, output=1), 25_000_000 + 2_500_050 + 2_500),
        ("claude-haiku-5-5", Tokens(), 0),
        ("someone-elses-model", Tokens(input=1), None),
    ],
)
def test_a_reply_is_priced_in_whole_nanodollars(model: str, tokens: Tokens, expected: int | None) -> None:
    assert PriceList.load().cost_nanodollars(model, tokens, day=DAY) == expected


DATED = """
- models: [m]
  effective_from: 2026-01-01
  price: &p {input: "1", output: "0", cache_write_5m: "0", cache_write_1h: "0", cache_read: "0"}
- {models: [m], effective_from: 2026-06-01, price: {<<: *p, input: "0.0005"}}
"""


@pytest.mark.parametrize(("day", "expected"), [(date(2025, 12, 31), None), (date(2026, 5, 31), 3_000), (DAY, 2)])
def test_the_price_of_the_day_holds_and_fractions_round_up(day: date, expected: int | None) -> None:
    assert PriceList.load(DATED).cost_nanodollars("m", Tokens(input=3), day=day) == expected


def test_a_malformed_price_list_is_refused() -> None:
    with pytest.raises(ValueError, match="come together"):
        PriceList.load(
            DATED.replace("effective_from: 2026-01-01", "effective_from: 2026-01-01\n  above_prompt_tokens: 5")
        )
