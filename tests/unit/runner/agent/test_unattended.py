"""Nothing that Claude started runs on between its turns, and it is told so, once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from errand_runner.agent.facts import EndReason, ToolFinished
from errand_runner.agent.prompt import AFTER_WAIT, BACKGROUND_ENDED
from errand_runner.agent.said import Answer
from errand_runner.agent.transcript import INTERRUPTED
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Reply, Text, ToolUse, in_turn
from tests.unit.runner.agent.harness import Errand, errand
from tests.unit.runner.sandbox.processes import alive

DONE = Reply([Text("Done.")])
START = Reply([ToolUse("bash", {"command": "echo $$; exec sleep 300", "background": True}, "t1")])
ASK = Reply([ToolUse("ask_user", {"question": "Go on?"}, "t2")])


def texts(message: Mapping[str, Any]) -> Sequence[str]:
    return [block["text"] for block in message["content"] if block["type"] == "text"]


def started_pid(task: Errand) -> int:
    output = next(fact.output for fact in task.facts if isinstance(fact, ToolFinished))
    return int(output.decode().strip('"').split("\\n")[0])


async def test_the_turn_that_ends_ends_what_it_started(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(START, DONE, DONE, DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Serve it")).reason is EndReason.COMPLETED
        assert not alive(started_pid(task))
        await task.turn("And now?")
        assert texts(task.messages[-1]) == [BACKGROUND_ENDED, "And now?"]
        await task.turn("And then?")
        assert texts(task.messages[-1]) == ["And then?"]


async def test_what_runs_in_the_background_runs_on_while_the_person_is_asked(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    look = Reply([ToolUse("bash_output", {"id": "bg_t1", "wait_s": 0}, "t3")])
    async with errand(in_turn(START, ASK, look, DONE), supervisor, tmp_path) as task:
        task.answers.append(Answer("Yes.", "inp_2"))
        await task.turn("Serve it")
        assert "[bg_t1 has run in the background" in task.results[0]["content"]


async def test_a_wait_without_a_sandbox_ends_what_runs_in_the_background(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with errand(in_turn(START, ASK, DONE, DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Serve it")).reason is EndReason.PARKED
        assert not alive(started_pid(task))
        task.transcript = task.record.restore()
        await task.turn("", answer=Answer("Yes.", "inp_2"))
        assert texts(task.messages[-1]) == [AFTER_WAIT]
        await task.turn("And now?")
        assert texts(task.messages[-1]) == ["And now?"]


async def test_a_restart_that_ended_what_ran_in_the_background_says_so(supervisor: Supervisor, tmp_path: Path) -> None:
    busy = Reply([ToolUse("bash", {"command": "true"}, "t2")])
    async with errand(in_turn(START, busy, DONE), supervisor, tmp_path) as task:
        # Recorded are: prefix, words, reply, start, end, results, reply, and that the second tool began.
        assert not await task.turn_until_crash("Serve it", facts=8)
        assert (await task.turn("")).reason is EndReason.COMPLETED
        assert [result["content"] for result in task.results] == [INTERRUPTED]
        assert texts(task.messages[-1]) == [BACKGROUND_ENDED]
