"""The real SDK, through the only door to it, against the stand-in."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest

from errand_common.values import Role
from errand_runner.agent.blocks import encode
from errand_runner.agent.exchange import (
    Begun,
    ContentRefused,
    ContextOverflow,
    KeyRefused,
    ModelError,
    ModelUnavailable,
    Piece,
    QuotaReached,
    RateLimited,
    Reply,
    Request,
    RequestRefused,
    RequestTooLarge,
    UnknownModel,
)
from errand_runner.agent.model import Abilities, Model
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.transcript import Message
from tests.standins.claude import ClaudeStandin, Cut, Failure, Raw, Script, Summary, Text, Thinking, ToolUse, in_turn
from tests.standins.claude import Reply as Scripted
from tests.standins.claude.replies import OVERLOADED, rate_limited
from tests.unit.runner.agent.harness import MODEL, closing, make_model

PREFIX = Prefix.freeze(
    model=MODEL,
    max_tokens=1000,
    system="You are a test.",
    tools=[],
    thinking={"type": "adaptive", "display": "summarized"},
)
GREETING = Message("msg_1", Role.USER, encode([{"type": "text", "text": "Hello"}]))
HELLO = Request(PREFIX, [GREETING])


@asynccontextmanager
async def serving(script: Script, *, request_limit_s: float = 20.0, silence_s: float = 20.0) -> AsyncGenerator[Model]:
    async with (
        ClaudeStandin(script) as claude,
        closing(make_model(claude, request_limit_s=request_limit_s, silence_s=silence_s)) as model,
    ):
        yield model


async def ask(model: Model, request: Request = HELLO) -> tuple[list[Piece], Reply]:
    pieces: list[Piece] = []
    async with aclosing(model.stream(request)) as stream:
        async for piece in stream:
            if isinstance(piece, Reply):
                return pieces, piece
            if isinstance(piece, Piece):
                pieces.append(piece)
    raise AssertionError("a stream ends with a reply or an error")


async def failure(script: Script, *, request_limit_s: float = 20.0, silence_s: float = 20.0) -> ModelError:
    async with serving(script, request_limit_s=request_limit_s, silence_s=silence_s) as model:
        with pytest.raises(ModelError) as caught:
            await ask(model)
    return caught.value


async def test_words_and_thoughts_come_in_pieces_and_the_reply_is_whole() -> None:
    script = in_turn(
        Scripted([Thinking("Let me see."), Text("I will look."), ToolUse("bash", {"b": 1, "a": [2]}, "t1")])
    )
    async with serving(script) as model:
        pieces, reply = await ask(model)
    assert "".join(piece.text for piece in pieces if piece.kind == "thinking") == "Let me see."
    assert [piece.text for piece in pieces if piece.kind == "text"] == ["I ", "will ", "look."]
    assert {piece.block_index for piece in pieces if piece.kind == "text"} == {1}
    thought, words, call = reply.blocks
    assert thought["thinking"] == "Let me see."
    assert thought["signature"]
    assert words == {"type": "text", "text": "I will look."}
    assert call == {"type": "tool_use", "id": "t1", "name": "bash", "input": {"b": 1, "a": [2]}}
    assert json.dumps(call["input"]) == '{"b": 1, "a": [2]}'
    assert (reply.stop_reason, reply.model) == ("tool_use", MODEL)
    assert reply.tokens.prompt > 0
    assert reply.tokens.output > 0


async def test_a_reply_is_accepted_when_it_is_sent_back() -> None:
    script = in_turn(Scripted([Thinking("Hm."), ToolUse("bash", {}, "t1")]), Scripted([Text("Done.")]))
    async with serving(script) as model:
        _, reply = await ask(model)
        said = Message("msg_2", Role.ASSISTANT, encode(reply.blocks))
        answer = Message("msg_3", Role.USER, encode([{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]))
        _, reply = await ask(model, Request(PREFIX, [GREETING, said, answer]))
    assert reply.blocks == [{"type": "text", "text": "Done."}]


async def test_an_unknown_block_is_kept_as_it_came() -> None:
    block = {"type": "novelty", "zeta": {"b": 1, "a": None}, "alpha": "x"}
    async with serving(in_turn(Scripted([Raw(block), Text("Hi.")]))) as model:
        _, reply = await ask(model)
    assert reply.blocks[0] == block


async def test_an_unknown_stop_reason_is_passed_on() -> None:
    async with serving(in_turn(Scripted([Text("Hi.")], stop_reason="tea_time"))) as model:
        _, reply = await ask(model)
    assert reply.stop_reason == "tea_time"


async def test_a_refusal_names_its_category() -> None:
    async with serving(in_turn(Scripted([Text("I ca")], stop_reason="refusal", refusal="cyber"))) as model:
        _, reply = await ask(model)
    assert (reply.stop_reason, reply.refusal) == ("refusal", "cyber")


@pytest.mark.parametrize("cut", [Cut.END_OF_FILE, Cut.ABORT, Cut.ERROR_EVENT])
@pytest.mark.parametrize("after", [1, 4, 8])
async def test_a_cut_stream_is_worth_another_try(cut: Cut, after: int) -> None:
    error = await failure(in_turn(Scripted([Text("one two three four")], cut=cut, cut_after_events=after)))
    assert isinstance(error, ModelUnavailable)


async def test_a_reply_that_takes_too_long_is_given_up() -> None:
    error = await failure(in_turn(Scripted([Text("one two")], cut=Cut.SILENCE)), request_limit_s=0.3)
    assert isinstance(error, ModelUnavailable)
    assert error.cause == "the reply took too long"


async def test_a_service_that_falls_silent_is_given_up() -> None:
    error = await failure(in_turn(Scripted([Text("one two")], cut=Cut.SILENCE)), silence_s=0.3)
    assert isinstance(error, ModelUnavailable)
    assert error.cause == "the model's service fell silent"


async def test_a_slow_reply_counts_however_long_it_takes_while_it_goes_on() -> None:
    slow = Scripted([Text("one two three four")], pace_s=0.3)
    async with serving(in_turn(slow), silence_s=2.5) as model:
        _, reply = await ask(model)
    assert reply.blocks == [{"type": "text", "text": "one two three four"}]


async def test_a_service_that_never_begins_to_answer_is_given_up() -> None:
    async def asleep(request: object) -> Scripted:
        await asyncio.sleep(2)
        return Scripted([Text("Hi.")])

    error = await failure(asleep, silence_s=0.3)
    assert isinstance(error, ModelUnavailable)
    assert error.cause == "the model's service fell silent"


@pytest.mark.parametrize(
    "answer",
    [
        OVERLOADED,
        Failure(500, "api_error", "Internal server error"),
        Failure(503, "", "upstream"),
        Failure(408, "timeout_error", "Timed out"),
        Failure(409, "conflict_error", "Conflict"),
    ],
)
async def test_trouble_on_the_other_side_is_worth_another_try(answer: Failure) -> None:
    assert isinstance(await failure(in_turn(answer)), ModelUnavailable)


async def test_a_rate_limit_says_when_it_resets() -> None:
    error = await failure(in_turn(rate_limited(17)))
    assert isinstance(error, RateLimited)
    assert error.reset_s == 17


async def test_trouble_may_come_with_a_wait() -> None:
    error = await failure(in_turn(Failure(529, "overloaded_error", "Overloaded", headers={"retry-after": "20"})))
    assert isinstance(error, ModelUnavailable)
    assert error.retry_after_s == 20


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Failure(429, "rate_limit_error", "Limit", error_code="enforced_spend_limit_reached"), QuotaReached),
        (Failure(402, "billing_error", "No credit"), QuotaReached),
        (Failure(403, "permission_error", "Not for this key"), KeyRefused),
        (Failure(404, "not_found_error", "model: none"), UnknownModel),
        (Failure(404, "", "Not Found"), RequestRefused),
        (Failure(400, "invalid_request_error", "nonsense"), ContentRefused),
        (Failure(400, "invalid_request_error", "prompt is too long: 2 tokens > 1 maximum"), ContextOverflow),
        (Failure(413, "request_too_large", "too large"), RequestTooLarge),
    ],
)
async def test_what_no_repetition_mends_is_told_apart(answer: Failure, expected: type[ModelError]) -> None:
    error = await failure(in_turn(answer))
    assert type(error) is expected
    assert answer.message in str(error)


async def test_a_wrong_key_is_refused_and_not_shown() -> None:
    async with ClaudeStandin(in_turn()) as claude, closing(make_model(claude, key="sk-ant-wrong-wrong-wrong")) as model:
        with pytest.raises(KeyRefused) as caught:
            await ask(model)
    assert "ANTHROPIC_API_KEY" in str(caught.value)
    assert "wrong-wrong" not in str(caught.value)


async def test_a_service_that_is_not_there_is_worth_another_try(unused_tcp_port: int) -> None:
    async with closing(Model(api_key="sk-ant-any", base_url=f"http://127.0.0.1:{unused_tcp_port}")) as model:
        with pytest.raises(ModelUnavailable, match=r"127.0.0.1:\d+ broke .All connection attempts failed"):
            await ask(model)


async def test_what_the_service_says_is_short_and_holds_no_key() -> None:
    key = "sk-ant-that-is-repeated"
    answer = Failure(401, "authentication_error", f"no {key} {'x' * 999}")
    async with ClaudeStandin(in_turn(answer), key=key) as claude, closing(make_model(claude)) as model:
        with pytest.raises(KeyRefused) as caught:
            await ask(model)
    assert key not in str(caught.value)
    assert "[redacted]" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_password_in_the_address_is_not_shown() -> None:
    assert (
        Model(api_key="sk-ant-any", base_url="https://me:secret@example.org:1/x").address == "https://example.org:1/x"
    )


async def test_closing_the_stream_leaves_at_once() -> None:
    async with serving(in_turn(Scripted([Text("one two")], cut=Cut.SILENCE))) as model:
        async with asyncio.timeout(20):
            async with aclosing(model.stream(HELLO)) as stream:
                told = [await anext(stream), await anext(stream)]
    assert [type(each) for each in told] == [Begun, Piece]


async def test_a_cancelled_reader_leaves_at_once() -> None:
    async with serving(in_turn(Scripted([Text("one two")], cut=Cut.SILENCE))) as model:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ask(model)


async def test_the_environment_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-of-the-environment")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    async with serving(in_turn(Scripted([Text("Hi.")]))) as model:
        _, reply = await ask(model)
    assert reply.blocks == [{"type": "text", "text": "Hi."}]


async def test_a_service_may_want_headers_of_its_own() -> None:
    async with (
        ClaudeStandin(in_turn(Scripted([Text("Hi.")]))) as claude,
        closing(Model(api_key=claude.key, base_url=claude.url, headers={"x-tenant": "blue"})) as model,
    ):
        await ask(model)
    assert [headers["x-tenant"] for headers in claude.headers] == ["blue"]


@pytest.mark.parametrize("name", ["anthropic-beta", "Anthropic-Beta"])
async def test_a_beta_that_a_service_wants_is_asked_for_beside_that_of_summaries(name: str) -> None:
    answers = in_turn(Scripted([Text("Hi.")]), Scripted([Summary("They said hello.")]), Scripted([Text("Hi.")]))
    headers = {name: "context-1, compact-2026-09-04"}
    async with (
        ClaudeStandin(answers) as claude,
        closing(Model(api_key=claude.key, base_url=claude.url, headers=headers)) as model,
    ):
        await ask(model)
        _, summary = await ask(model, replace(HELLO, sums_up=True))
        await ask(model, Request(PREFIX, [Message("msg_2", Role.ASSISTANT, encode(summary.blocks))]))
    sent = [each.getall("anthropic-beta") for each in claude.headers]
    assert sent == [["context-1, compact-2026-09-04"], *[["context-1,compact-2026-09-04"]] * 2]


async def test_a_known_model_is_asked_for_summaries_of_its_thoughts() -> None:
    async with serving(in_turn()) as model:
        assert await model.abilities(MODEL) == Abilities(
            32_000,
            {"type": "adaptive", "display": "summarized"},
            frozenset({"low", "medium", "high", "xhigh", "max"}),
            longest_reply=128_000,
            context=1_000_000,
        )


async def test_a_service_that_knows_no_models_gets_the_plainest_request() -> None:
    async with serving(in_turn()) as model:
        assert await model.abilities("someone-elses-model") == Abilities(32_000, None, known=False)
