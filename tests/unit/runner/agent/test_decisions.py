"""The pure decisions: what a reply costs, what Claude is told first."""

from datetime import date

import pytest

from errand_runner.agent.exchange import Tokens
from errand_runner.agent.prices import PriceList
from errand_runner.agent.prompt import SYSTEM, Particulars, first_message
from errand_runner.agent.redact import MASK, Redactor

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


def test_the_first_message_holds_what_is_particular_and_ends_with_the_persons_words() -> None:
    guides = {"CLAUDE.md": "Be kind.", "AGENTS.md": "Run make.\n", "EMPTY.md": " "}
    about = Particulars("octo/pricing", "errand/tsk_1", "main", "/workspace", DAY, "none.", guides)
    blocks = first_message("Fix it, token-token", about, Redactor(["token-token"]))
    texts = [str(block["text"]) for block in blocks]
    assert "Monday, 2026-11-23" in texts[0]
    assert "errand/tsk_1, made from main" in texts[0]
    assert texts[1:] == [
        '<guide file="AGENTS.md">\nRun make.\n</guide>',
        '<guide file="CLAUDE.md">\nBe kind.\n</guide>',
        f"Fix it, {MASK}",
    ]


def test_the_first_message_says_what_else_can_be_read_and_what_lfs_keeps() -> None:
    about = Particulars(
        "octo/pricing", "b", "main", "/w", DAY, "", read_repositories=("octo/lib", "octo/notes"), uses_lfs=True
    )
    (first, _) = first_message("Go", about, Redactor())
    assert "git can fetch here too, and not push: octo/lib, octo/notes." in str(first["text"])
    assert "Git LFS" in str(first["text"])
    plain, _ = first_message("Go", Particulars("octo/pricing", "b", "main", "/w", DAY, ""), Redactor())
    assert "LFS" not in str(plain["text"])


def test_a_guide_that_goes_by_two_names_is_given_once() -> None:
    guides = {"CLAUDE.md": "Run make.\n", "AGENTS.md": "Run make.\n"}
    about = Particulars("octo/pricing", "errand/tsk_1", "main", "/workspace", DAY, "none.", guides)
    _, *found, _ = [block["text"] for block in first_message("Fix it", about, Redactor())]
    assert found == ['<guide file="AGENTS.md, CLAUDE.md">\nRun make.\n</guide>']


def test_a_long_guide_does_not_crowd_out_the_work() -> None:
    about = Particulars("p", "b", "main", "/w", DAY, "none.", {"AGENTS.md": "x" * 100_000})
    assert len(str(first_message("Go", about, Redactor()))) < 33_000


def test_the_system_prompt_is_the_same_every_day() -> None:
    assert "20" not in SYSTEM
    assert SYSTEM.startswith("You are Errand")
