"""Every fault of the model's service: waited for or told with cause and cure, through the real SDK; never half-kept."""

from pathlib import Path

import pytest

from errand_common.values import Role
from errand_runner.agent.facts import EndReason, MessageAppended, ModelDelayed, TextDelta, TurnEnded
from errand_runner.agent.retry import Patience
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Cut, Failure, Reply, Text, ToolUse, in_turn
from tests.standins.claude.replies import OVERLOADED, rate_limited
from tests.unit.runner.agent.harness import Errand, errand

DONE = Reply([Text("Done.")])


def delays(task: Errand) -> list[ModelDelayed]:
    return [fact for fact in task.facts if isinstance(fact, ModelDelayed)]


@pytest.mark.parametrize("cut", [Cut.END_OF_FILE, Cut.ABORT, Cut.ERROR_EVENT])
async def test_a_cut_reply_is_void_and_asked_for_again(supervisor: Supervisor, tmp_path: Path, cut: Cut) -> None:
    call = ToolUse("bash", {"command": "touch trace"})
    broken = Reply([Text("one two three"), call], cut=cut, cut_after_events=9)
    async with errand(in_turn(broken, broken, DONE), supervisor, tmp_path) as task:
        assert await task.turn("Go") == TurnEnded(EndReason.COMPLETED, "Done.")
        assert task.claude.requests[0] == task.claude.requests[1] == task.claude.requests[2]
        assert not (task.folder / "trace").exists()
    assert len(delays(task)) == 2
    assert [fact.role for fact in task.record.messages] == [Role.USER, Role.ASSISTANT]


async def test_a_watcher_can_tell_void_words_from_those_that_count(supervisor: Supervisor, tmp_path: Path) -> None:
    broken = Reply([Text("one two three")], cut=Cut.ABORT, cut_after_events=7)
    async with errand(in_turn(broken, DONE), supervisor, tmp_path) as task:
        await task.turn("Go")
    told = [type(fact).__name__ for fact in task.facts]
    words = [fact for fact in task.facts if isinstance(fact, TextDelta)]
    (kept,) = [fact for fact in task.record.messages if fact.role is Role.ASSISTANT]
    void = [fact for fact in words if fact.message_id != kept.message_id]
    assert "".join(fact.text for fact in void).startswith("one two")
    assert "".join(fact.text for fact in words if fact.message_id == kept.message_id) == "Done."
    assert task.facts.index(void[-1]) < told.index("ModelDelayed") < task.facts.index(words[-1])


async def test_an_overloaded_service_is_waited_for_ever_longer(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(*[OVERLOADED] * 8, DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
    assert task.time.slept == [1.5, 2.5, 4.5, 8.5, 16.5, 30.5, 30.5, 30.5]
    assert [fact.delay_s for fact in delays(task)] == task.time.slept
    assert {fact.cause for fact in delays(task)} == {"the model's service is overloaded (529: Overloaded)"}


async def test_a_rate_limit_is_waited_for_until_it_resets_however_long_that_is(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with errand(in_turn(rate_limited(5 * 3600), DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
    (delay,) = delays(task)
    assert (delay.delay_s, task.time.slept) == (5 * 3600 + 1.5, [5 * 3600 + 1.5])
    assert delay.cause == (
        "the model's service limits this key's rate (429: This request would exceed your rate limit);"
        " the work goes on at 17:00:01 UTC"
    )


async def test_the_reset_of_the_limit_that_is_exhausted_counts(supervisor: Supervisor, tmp_path: Path) -> None:
    limited = rate_limited(
        date="Mon, 23 Nov 2026 12:00:00 GMT",
        anthropic_ratelimit_requests_remaining="0",
        anthropic_ratelimit_requests_reset="2026-11-23T12:20:00Z",
        anthropic_ratelimit_input_tokens_remaining="90000",
        anthropic_ratelimit_input_tokens_reset="2026-11-23T13:00:00Z",
    )
    async with errand(in_turn(limited, DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
    assert task.time.slept == [20 * 60 + 1.5]


async def test_a_rate_limit_without_a_reset_is_trouble_like_any(supervisor: Supervisor, tmp_path: Path) -> None:
    patience = Patience(budget_s=60)
    async with errand(lambda request: rate_limited(), supervisor, tmp_path, patience=patience) as task:
        ended = await task.turn("Go")
    assert ended.reason is EndReason.MODEL_UNAVAILABLE
    assert "at last the model's service limits this key's rate" in ended.text
    assert task.time.now_s() <= 60


async def test_limits_cost_nothing_of_the_budget_for_troubles(supervisor: Supervisor, tmp_path: Path) -> None:
    script = in_turn(OVERLOADED, rate_limited(3600), rate_limited(3600), OVERLOADED, DONE)
    async with errand(script, supervisor, tmp_path, patience=Patience(budget_s=60)) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
    assert task.time.now_s() > 7200


async def test_a_service_that_stays_away_ends_the_turn_with_words_and_can_be_sent_on(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    answers: list[Reply | Failure] = [OVERLOADED]
    async with errand(lambda request: answers[0], supervisor, tmp_path) as task:
        ended = await task.turn("Go")
        assert ended.reason is EndReason.MODEL_UNAVAILABLE
        assert 1700 < task.time.now_s() <= 1800
        assert " times in 30 minutes and never gave a whole reply" in ended.text
        assert "(529: Overloaded). Send the task on to try again." in ended.text
        answers[0] = DONE
        assert (await task.turn("Go on")).reason is EndReason.COMPLETED
        assert [message["role"] for message in task.messages] == ["user", "user"]


@pytest.mark.parametrize(
    ("answer", "reason", "cure"),
    [
        (Failure(401, "authentication_error", "invalid"), EndReason.MODEL_AUTH, "Set a valid ANTHROPIC_API_KEY"),
        (Failure(403, "permission_error", "not yours"), EndReason.MODEL_AUTH, "Set a valid ANTHROPIC_API_KEY"),
        (Failure(404, "not_found_error", "model: x"), EndReason.MODEL_REQUEST, "Choose one that it has"),
        (Failure(404, "", "nothing here"), EndReason.MODEL_REQUEST, "Correct ANTHROPIC_BASE_URL"),
        (Failure(400, "invalid_request_error", "no"), EndReason.MODEL_REQUEST, "refused the request (400): no"),
        (Failure(402, "billing_error", "no credit"), EndReason.PARKED, "Raise it, then send the task on"),
        (Reply([Text("I")], stop_reason="refusal", refusal="bio"), EndReason.MODEL_REFUSED, "declined to go on (bio)"),
    ],
)
async def test_what_no_repetition_mends_ends_at_once_with_its_cause_and_its_cure(
    supervisor: Supervisor, tmp_path: Path, answer: Reply | Failure, reason: EndReason, cure: str
) -> None:
    async with errand(in_turn(answer), supervisor, tmp_path) as task:
        ended = await task.turn("Go")
    assert ended.reason is reason
    assert cure in ended.text
    assert isinstance(answer, Reply) or answer.message in ended.text
    assert task.time.slept == []
    assert [fact.role for fact in task.record.messages] == [Role.USER]
    assert [fact for fact in task.facts if isinstance(fact, MessageAppended)] == task.record.messages


async def test_a_model_that_is_retired_while_the_task_rests_is_told_and_not_replaced(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    gone = Failure(404, "not_found_error", "model: claude-sonnet-5-5")
    async with errand(in_turn(DONE, gone), supervisor, tmp_path) as task:
        await task.turn("Go")
        task.transcript = task.record.restore()
        ended = await task.turn("And this")
        assert ended.reason is EndReason.MODEL_REQUEST
        assert "does not have claude-sonnet-5-5, which this task works with" in ended.text
        assert {request["model"] for request in task.claude.requests} == {"claude-sonnet-5-5"}
