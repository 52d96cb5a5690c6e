"""What comes over the wire in an odd form reaches the next request as it must: again, mended, cleaned or verbatim."""

import json
from pathlib import Path

import pytest

from errand_common.values import Role
from errand_runner.agent.facts import ConversationShortened, EndReason, ModelDelayed, TurnEnded, Waiting
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Cut, Failure, Raw, Reply, Text, Thinking, ToolUse, in_turn
from tests.standins.claude.replies import OVERLOADED, invalid, rate_limited
from tests.unit.runner.agent.drawings import png
from tests.unit.runner.agent.harness import errand

DONE = Reply([Text("Done.")])
HALF: list[Text | Thinking] = [Thinking("Hm."), Text("one two three")]
LOOK = Reply([ToolUse("read", {"path": "shot.png"}, "t1")])


@pytest.mark.parametrize(
    "trouble",
    [
        OVERLOADED,
        Failure(500, "api_error", "Internal server error"),
        Failure(503, "", "upstream"),
        Failure(504, "timeout_error", "Timed out"),
        Failure(408, "timeout_error", "Timed out"),
        Failure(409, "conflict_error", "Conflict"),
        rate_limited(7),
        rate_limited(),
        Reply(HALF, cut=Cut.END_OF_FILE, cut_after_events=7),
        Reply(HALF, cut=Cut.ABORT, cut_after_events=7),
        Reply(HALF, cut=Cut.ERROR_EVENT, cut_after_events=7),
        Reply(HALF, cut=Cut.SILENCE, cut_after_events=7),
        Reply(HALF, cut=Cut.END_OF_FILE, cut_after_events=1),
    ],
)
async def test_the_same_bytes_are_asked_again_and_nothing_of_the_trouble_is_kept(
    supervisor: Supervisor, tmp_path: Path, trouble: Reply | Failure
) -> None:
    async with errand(in_turn(trouble, DONE), supervisor, tmp_path, request_limit_s=2.0) as task:
        assert await task.turn("Go") == TurnEnded(EndReason.COMPLETED, "Done.")
        first, second = task.claude.requests
        assert json.dumps(first) == json.dumps(second)
        assert task.recorded == [
            *first["messages"],
            {"role": "assistant", "content": [{"type": "text", "text": "Done."}]},
        ]
    assert sum(isinstance(fact, ModelDelayed) for fact in task.facts) == 1


@pytest.mark.parametrize("code", ["enforced_spend_limit_reached", "contract_spend_limit_reached"])
async def test_a_spend_limit_waits_for_a_person_and_is_not_asked_again(
    supervisor: Supervisor, tmp_path: Path, code: str
) -> None:
    spent = Failure(429, "rate_limit_error", "The limit is reached", error_code=code, headers={"retry-after": "5"})
    async with errand(in_turn(spent, DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.PARKED
        assert task.time.slept == []
        assert sum(isinstance(fact, Waiting) for fact in task.facts) == 1
        task.transcript = task.record.restore()
        await task.turn("")
        assert json.dumps(task.claude.requests[0]) == json.dumps(task.claude.requests[1])


async def test_a_picture_that_the_service_refuses_is_replaced_by_a_word_and_not_a_second_time(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    bad = invalid("messages.2.content.0: Could not process image")
    async with errand(in_turn(LOOK, bad, DONE, bad), supervisor, tmp_path) as task:
        (task.folder / "shot.png").write_bytes(png())
        assert (await task.turn("Look")).reason is EndReason.COMPLETED
        _, refused, mended = task.claude.requests
        (result,) = refused["messages"][-1]["content"]
        words = {"type": "text", "text": f"[An image is left out: {bad.message}]"}
        expected = {**result, "content": [result["content"][0], words]}
        assert mended == refused | {"messages": [*refused["messages"][:-1], {"role": "user", "content": [expected]}]}
        (kept,) = [fact.message for fact in task.facts if isinstance(fact, ConversationShortened)]
        assert json.loads(kept.content) == [expected]
        assert (await task.turn("And?")).reason is EndReason.MODEL_REQUEST


async def test_results_are_clean_and_never_empty(supervisor: Supervisor, tmp_path: Path) -> None:
    odd = r"printf '\033[31mred\033[0m \000nul \377\376 bytes\n10%%\r50%%\rdone\n'"
    calls = [ToolUse("bash", {"command": odd}, "t1"), ToolUse("bash", {"command": "true"}, "t2")]
    async with errand(in_turn(Reply(calls), DONE), supervisor, tmp_path) as task:
        await task.turn("Go")
        assert task.messages == task.recorded[:-1]
        odd_lines, silent_lines = (result["content"].split("\n") for result in task.results)
    assert odd_lines[:-1] == ["red nul \ufffd\ufffd bytes", "done"]
    assert silent_lines[0] == "(no output)"


async def test_what_claude_sends_is_sent_back_verbatim_with_its_keys_in_order(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    hidden = {"type": "redacted_thinking", "data": "b64=="}
    call = ToolUse("bash", {"timeout_s": 9, "command": "echo 'ü – 你好'"}, "t1")
    async with errand(in_turn(Reply([Raw(hidden), Thinking("Hm."), call]), DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        (said, _) = [fact for fact in task.record.messages if fact.role is Role.ASSISTANT]
        back = task.messages[1]["content"]
        assert json.dumps(back) == json.dumps(json.loads(said.content))
    assert back[0] == hidden
    assert back[1]["signature"]
    assert list(back[2]["input"]) == ["timeout_s", "command"]
    assert set(back[2]) == {"type", "id", "name", "input"}


async def test_a_block_that_this_release_does_not_know_is_stored_and_sent_back_as_it_came(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    novelty = {"type": "novelty", "zeta": {"b": 1, "a": None}, "alpha": "x"}
    async with errand(in_turn(Reply([Raw(novelty), Text("Done.")])), supervisor, tmp_path) as task:
        assert (await task.turn("Go")).text == "Done."
        assert json.loads(task.record.messages[-1].content)[0] == novelty
        task.transcript = task.record.restore()
        # The stand-in takes none of these back; what it was sent is what counts here.
        await task.turn("And?")
        assert json.dumps(task.messages[1]["content"][0]) == json.dumps(novelty)
