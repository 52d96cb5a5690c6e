"""The stand-in refuses what the API refuses."""

from typing import Any

import pytest

from tests.standins.claude.prefix import Cache, chain_of, sign
from tests.standins.claude.rules import COMPACTION_BETA, Refused, check, check_length

USE = {"type": "tool_use", "id": "t1", "name": "bash", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "ok"}
HELLO: dict[str, Any] = {"role": "user", "content": "Hello"}


def body(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 10, "messages": list(messages), **more}


def says(role: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "content": list(content)}


def words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


@pytest.mark.parametrize(
    "good",
    [
        body(HELLO),
        body(HELLO, HELLO),
        body(HELLO, says("assistant", USE), says("user", RESULT, words("and"))),
        body(HELLO, says("assistant", USE), says("user", RESULT), HELLO),
        body(HELLO, thinking={"type": "adaptive", "display": "summarized"}, output_config={"effort": "low"}),
        body(HELLO, says("assistant", {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}})),
    ],
)
def test_what_the_api_takes_is_taken(good: dict[str, Any]) -> None:
    check(good)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (body(HELLO, temperature=1), "temperature: Extra inputs"),
        ({"model": "m", "messages": [HELLO]}, "max_tokens: Field required"),
        (body(HELLO, max_tokens=0), "max_tokens"),
        (body(), "at least one message"),
        (body(says("assistant", words("Hi"))), "first message"),
        (body(HELLO, says("assistant", words("I am"))), "prefill"),
        (body({"role": "system", "content": "x"}), "role"),
        (body(says("user")), "non-empty"),
        (body(says("user", words(" \n"))), "non-whitespace"),
        (body(says("user", USE)), "not permitted for role"),
        (body(says("user", {**words("x"), "parsed_output": None})), "Extra inputs"),
        (body(says("user", RESULT)), "unexpected `tool_use_id`"),
        (body(HELLO, says("assistant", USE), HELLO), "without `tool_result`"),
        (body(HELLO, says("assistant", USE)), "without `tool_result`"),
        (body(HELLO, says("assistant", USE), says("user", words("x"), RESULT)), "must come first"),
        (body(HELLO, says("assistant", USE), says("user", RESULT, RESULT)), "single result"),
        (body(HELLO, says("assistant", USE, USE), says("user", RESULT)), "must be unique"),
        (body(HELLO, *[says("assistant", USE), says("user", RESULT)] * 2), "must be unique"),
        (body(HELLO, tool_choice={"type": "any"}), "cannot be forced"),
        (body(HELLO, thinking={"type": "enabled", "budget_tokens": 5}), "thinking.type"),
        (
            body(HELLO, tools=[{"name": "a", "input_schema": {"type": "object"}, "strict": True}]),
            "additionalProperties",
        ),
        (body(HELLO, tools=[{"name": "a b", "input_schema": {"type": "object"}}]), "should match"),
    ],
)
def test_what_the_api_refuses_is_refused_with_its_reason(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message) as caught:
        check(bad)
    assert caught.value.failure.status == 400


SUMMARY = {"type": "compaction", "content": "So far", "signature": sign("compaction", "So far")}
SUMMARISE = {"compaction": {"type": "summarize"}}


@pytest.mark.parametrize(
    "good",
    [
        body(HELLO, **SUMMARISE),
        body(HELLO, says("assistant", USE), says("user", RESULT), **SUMMARISE),
        body(says("assistant", SUMMARY)),
        body(says("assistant", SUMMARY), says("assistant", USE), says("user", RESULT)),
        body(says("assistant", SUMMARY), HELLO, **SUMMARISE),
    ],
)
def test_a_summary_is_asked_for_and_sent_back_by_who_knows_them(good: dict[str, Any]) -> None:
    check(good, betas={COMPACTION_BETA})
    chain_of(good)
    with pytest.raises(Refused, match="needs the beta"):
        check(good)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (body(HELLO, says("assistant", words("Hi")), **SUMMARISE), "compaction_incomplete_turn"),
        (body(HELLO, says("assistant", SUMMARY)), "compaction_block_misplaced"),
        (body(says("assistant", SUMMARY), says("assistant", SUMMARY)), "compaction_block_ambiguous"),
        (body(says("assistant", {**SUMMARY, "content": "Not so"})), "compaction_signature_invalid"),
    ],
)
def test_a_summary_out_of_place_is_refused_with_its_code(bad: dict[str, Any], code: str) -> None:
    def take() -> None:
        check(bad, betas={COMPACTION_BETA})
        chain_of(bad)

    with pytest.raises(Refused) as caught:
        take()
    assert caught.value.failure.error_code == code


def test_a_prompt_that_does_not_fit_is_refused() -> None:
    check_length(10, 10)
    with pytest.raises(Refused, match="prompt is too long: 11 tokens > 10 maximum"):
        check_length(11, 10)


def test_a_thought_is_worth_nothing_in_another_conversation() -> None:
    before = chain_of(body(HELLO)).end
    thought = {"type": "thinking", "thinking": "Hm.", "signature": sign(before, "Hm.")}
    answer = says("assistant", thought, words("Hi"))
    chain_of(body(HELLO, answer, HELLO))
    for changed in (
        body({"role": "user", "content": "Hallo"}, answer, HELLO),
        body(HELLO, answer, HELLO, system="new"),
        body(HELLO, says("assistant", {**thought, "thinking": "Ha."}, words("Hi")), HELLO),
    ):
        with pytest.raises(Refused, match="bound to a different conversation"):
            chain_of(changed)


LONG = {"role": "user", "content": "word " * 2000}
AUTO = {"cache_control": {"type": "ephemeral"}}


def test_the_cache_gives_back_the_longest_prefix_that_was_written() -> None:
    cache = Cache()
    first = cache.count(chain_of(body(LONG, **AUTO)))
    assert (first.read, first.plain) == (0, 0)
    assert first.written > 1024
    second = cache.count(chain_of(body(LONG, HELLO, **AUTO)))
    assert (second.read, second.plain) == (first.written, 0)
    changed = cache.count(chain_of(body({**LONG, "content": "x" + LONG["content"]}, HELLO, **AUTO)))
    assert changed.read == 0


def test_an_entry_more_than_twenty_blocks_back_is_not_found() -> None:
    for more, found in ((20, True), (21, False)):
        cache = Cache()
        cache.count(chain_of(body(LONG, **AUTO)))
        assert bool(cache.count(chain_of(body(LONG, *[HELLO] * more, **AUTO))).read) is found


def test_without_a_breakpoint_or_with_a_short_prompt_nothing_is_cached() -> None:
    cache = Cache()
    for request in (body(LONG), body(HELLO, **AUTO)):
        counted = cache.count(chain_of(request))
        assert (counted.read, counted.written) == (0, 0)
        assert counted.plain == chain_of(request).tokens
