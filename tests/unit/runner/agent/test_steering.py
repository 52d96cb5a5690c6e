"""What a person says in mid-work joins the next tool results, and counts as taken by the message that carries it."""

from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from errand_common.values import Role
from errand_runner.agent.facts import EndReason, MessageAppended, TurnEnded
from errand_runner.agent.judge import CUT_OFF, GO_ON
from errand_runner.agent.loop import run_turn
from errand_runner.agent.prompt import MID_WORK, steer
from errand_runner.agent.redact import Redactor
from errand_runner.agent.said import Said
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Reply, Text, ToolUse, in_turn
from tests.unit.runner.agent.harness import Errand, errand, saying

DONE = Reply([Text("Done.")])


def bash(command: str, call: str) -> ToolUse:
    return ToolUse("bash", {"command": command}, call)


def steering(words: str, *input_ids: str) -> Said:
    return Said(steer(words, Redactor()), input_ids)


def carried(task: Errand) -> list[tuple[str, ...]]:
    """The inputs that each of our messages carries."""
    return [tuple(fact.input_ids) for fact in task.record.messages if fact.role is Role.USER]


async def test_a_steer_stands_behind_all_results_in_the_same_message(supervisor: Supervisor, tmp_path: Path) -> None:
    script = in_turn(Reply([bash("echo one", "t1"), bash("echo two", "t2")]), DONE)
    async with errand(script, supervisor, tmp_path) as task:
        task.steers.append(steering("Use tabs – 制表符", "inp_2"))
        assert await task.turn("Go") == TurnEnded(EndReason.COMPLETED, "Done.")
        last = task.messages[-1]
        assert [block["type"] for block in last["content"]] == ["tool_result", "tool_result", "text"]
        assert [block["tool_use_id"] for block in last["content"][:2]] == ["t1", "t2"]
        assert last["content"][2] == {"type": "text", "text": f"{MID_WORK}\n\nUse tabs – 制表符"}
        assert task.messages == task.recorded[:-1]
    assert carried(task) == [(), ("inp_2",)]


async def test_a_steer_is_taken_only_after_the_tools_have_run(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(Reply([bash("touch trace", "t1")]), DONE), supervisor, tmp_path) as task:
        ran: list[bool] = []

        def at_the_boundary() -> Said:
            ran.append((task.folder / "trace").exists())
            return Said()

        task.agent = replace(task.agent, steers=at_the_boundary)
        await task.turn("Go")
    assert ran == [True]


async def test_what_comes_after_one_boundary_is_carried_by_the_next(supervisor: Supervisor, tmp_path: Path) -> None:
    script = in_turn(Reply([bash("true", "t1")]), Reply([bash("true", "t2")]), Reply([bash("true", "t3")]), DONE)
    async with errand(script, supervisor, tmp_path) as task:
        task.steers += [steering("One", "inp_1"), Said(), steering("Two", "inp_2")]
        await task.turn("Go")
    assert carried(task) == [(), ("inp_1",), (), ("inp_2",)]


async def test_a_turn_without_tools_leaves_a_steer_for_later(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(DONE), supervisor, tmp_path) as task:
        task.steers.append(steering("Wait", "inp_2"))
        await task.turn("Go")
        assert len(task.steers) == 1
    assert carried(task) == [()]


async def test_a_steer_joins_whatever_else_claude_is_told_in_mid_work(supervisor: Supervisor, tmp_path: Path) -> None:
    cut = Reply([ToolUse("bash", {"command": "touch trace"}, "t1", cut_after_chars=15)], stop_reason="max_tokens")
    script = in_turn(cut, cut, Reply([Text("One,")], stop_reason="max_tokens"), DONE)
    async with errand(script, supervisor, tmp_path) as task:
        task.steers += [steering("A", "inp_1"), steering("B", "inp_2")]
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        refused, told = task.messages[-3]["content"], task.messages[-1]["content"]
    assert (refused[0]["content"], refused[1]["text"]) == (CUT_OFF, f"{MID_WORK}\n\nA")
    assert [block["text"] for block in told] == [GO_ON, f"{MID_WORK}\n\nB"]
    assert carried(task) == [(), ("inp_1",), ("inp_2",)]


async def test_a_steer_survives_a_crash_exactly_where_it_was_recorded(supervisor: Supervisor, tmp_path: Path) -> None:
    script = in_turn(Reply([bash("true", "t1")]), DONE)
    async with errand(script, supervisor, tmp_path) as task:
        task.steers.append(steering("Keep it", "inp_2"))
        async with aclosing(run_turn(task.agent, task.transcript, saying("Go"))) as facts:
            async for fact in facts:
                task.record.keep(fact)
                if isinstance(fact, MessageAppended) and fact.input_ids:
                    break
        task.transcript = task.record.restore()
        assert (await task.turn("")).reason is EndReason.COMPLETED
        texts = [block for block in task.messages[-1]["content"] if block["type"] == "text"]
    assert [block["text"] for block in texts] == [f"{MID_WORK}\n\nKeep it"]
    assert sum("Keep it" in fact.content.decode() for fact in task.record.messages) == 1
    assert carried(task) == [(), ("inp_2",)]
