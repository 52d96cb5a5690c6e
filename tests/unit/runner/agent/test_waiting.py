"""What the work waits for: an answer while the sandbox is kept, and all else without a slot."""

import json
from contextlib import aclosing
from pathlib import Path

import pytest

from errand_common.values import WaitReason
from errand_runner.agent.facts import EndReason, ToolFinished, TurnEnded, Waiting, WaitOver
from errand_runner.agent.loop import run_turn
from errand_runner.agent.prompt import AFTER_WAIT
from errand_runner.agent.said import Answer
from errand_runner.agent.transcript import NOT_RUN
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Failure, Reply, Text, ToolUse, in_turn
from tests.unit.runner.agent.harness import Errand, errand, saying

DONE = Reply([Text("Done.")])
QUESTION = "Tabs or spaces?"
ASK = ToolUse("ask_user", {"question": QUESTION, "choices": ["tabs", "spaces"]}, "t1")
ASKING = Reply([ASK])
TABS = Answer("Tabs.", "inp_2")


def waits(task: Errand) -> list[Waiting]:
    return [fact for fact in task.facts if isinstance(fact, Waiting)]


def carried(task: Errand) -> list[str]:
    return [input_id for fact in task.record.messages for input_id in fact.input_ids]


async def test_an_answer_in_time_is_the_result_of_the_call_that_asked(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(ASKING, DONE), supervisor, tmp_path) as task:
        task.answers.append(TABS)
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        (result,) = task.results
    assert (result["tool_use_id"], result["content"]) == ("t1", "Tabs.")
    assert waits(task) == [Waiting(WaitReason.QUESTION, QUESTION, "t1", choices=("tabs", "spaces"))]
    assert [fact.input_id for fact in task.facts if isinstance(fact, WaitOver)] == ["inp_2"]
    assert carried(task) == ["inp_2"]


async def test_without_an_answer_in_time_the_turn_parks_and_the_call_stays_open(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with errand(in_turn(ASKING, DONE), supervisor, tmp_path) as task:
        assert await task.turn("Go") == TurnEnded(EndReason.PARKED, QUESTION)
        assert len(task.claude.requests) == 1
    assert [fact for fact in task.facts if isinstance(fact, ToolFinished)] == []


async def test_a_later_attempt_answers_the_open_call_first(supervisor: Supervisor, tmp_path: Path) -> None:
    before, after = ToolUse("bash", {"command": "echo one"}, "t0"), ToolUse("bash", {"command": "touch trace"}, "t2")
    script = in_turn(Reply([before, ASK, after]), DONE)
    async with errand(script, supervisor, tmp_path) as task:
        await task.turn("Go")
        task.transcript = task.record.restore()
        assert (await task.turn("And hurry.", answer=TABS)).reason is EndReason.COMPLETED
        results, last = {each["tool_use_id"]: each["content"] for each in task.results}, task.messages[-1]["content"]
        assert not (task.folder / "trace").exists()
    assert [fact.input_id for fact in task.facts if isinstance(fact, WaitOver)] == ["inp_2"]
    assert "one" in results["t0"]
    assert (results["t1"], results["t2"]) == ("Tabs.", NOT_RUN)
    assert [block["text"] for block in last[3:]] == [AFTER_WAIT, "And hurry."]
    assert carried(task) == ["inp_2"]


async def test_a_restart_while_it_waits_waits_on(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(ASKING, DONE), supervisor, tmp_path) as task:
        await task.turn("Go")
        task.transcript = task.record.restore()
        task.answers.append(TABS)
        assert (await task.turn("")).reason is EndReason.COMPLETED
        assert task.results[0]["content"] == "Tabs."
    assert len(waits(task)) == 2
    assert carried(task) == ["inp_2"]


@pytest.mark.parametrize("facts", range(1, 9))
async def test_whenever_it_crashes_the_answer_reaches_claude_once(
    supervisor: Supervisor, tmp_path: Path, facts: int
) -> None:
    async with errand(in_turn(ASKING, DONE, DONE), supervisor, tmp_path) as task:
        task.answers.append(TABS)
        async with aclosing(run_turn(task.agent, task.transcript, saying("Go"))) as stream:
            async for fact in stream:
                task.record.keep(fact)
                facts -= 1
                if not facts:
                    break
        if task.record.messages:
            task.transcript = task.record.restore()
            taken = "inp_2" in carried(task)
            task.answers[:] = [] if taken else [TABS]
            asked = bool(task.transcript.open_calls) and "t1" in task.record.calls
            await task.turn("", answer=TABS if asked and not taken else None)
            said = [block for fact in task.record.messages for block in json.loads(fact.content)]
            answers = [block for block in said if block.get("content") == "Tabs."]
            assert len(answers) == len(carried(task)) <= 1
            assert len(answers) == 1 or NOT_RUN in str(said) or not asked


async def test_a_question_out_of_form_is_refused_and_asks_nobody(supervisor: Supervisor, tmp_path: Path) -> None:
    script = in_turn(Reply([ToolUse("ask_user", {"question": ""}, "t1")]), DONE)
    async with errand(script, supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        assert task.results[0]["is_error"]
    assert waits(task) == []


async def test_a_long_quota_wait_parks_and_is_asked_again_by_the_next_attempt(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    limited = Failure(429, "rate_limit_error", "slow down", headers={"retry-after": "3600"})
    async with errand(in_turn(limited, DONE), supervisor, tmp_path, longest_delay_s=120) as task:
        assert (await task.turn("Go")).reason is EndReason.PARKED
        (wait,) = waits(task)
        assert (wait.reason, wait.resume_s) == (WaitReason.QUOTA, 3601.5)
        assert task.time.slept == []
        task.transcript = task.record.restore()
        assert (await task.turn("")).reason is EndReason.COMPLETED
        assert task.claude.requests[0] == task.claude.requests[1]


async def test_a_short_quota_wait_is_sat_out(supervisor: Supervisor, tmp_path: Path) -> None:
    limited = Failure(429, "rate_limit_error", "slow down", headers={"retry-after": "60"})
    async with errand(in_turn(limited, DONE), supervisor, tmp_path, longest_delay_s=120) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
    assert waits(task) == []


async def test_what_the_person_must_raise_is_waited_for(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(Failure(402, "billing_error", "no credit"), DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.PARKED
        (wait,) = waits(task)
        assert (wait.reason, wait.resume_s) == (WaitReason.ALLOWANCE, None)
        task.transcript = task.record.restore()
        assert (await task.turn("")).reason is EndReason.COMPLETED
