"""The loop's promises, one by one. The stand-in refuses any transcript that the API would refuse."""

import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from errand_common.values import Role
from errand_runner.agent.facts import (
    EndReason,
    MessageAppended,
    OutputDelta,
    PrefixFrozen,
    TextDelta,
    ToolFinished,
    ToolStarted,
    TurnEnded,
)
from errand_runner.agent.judge import CUT_OFF, GO_ON, SAY_SOMETHING
from errand_runner.agent.loop import run_turn
from errand_runner.agent.redact import MASK
from errand_runner.agent.transcript import INTERRUPTED, NOT_RUN
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Raw, Reply, Request, Text, Thinking, ToolUse, in_turn
from tests.unit.runner.agent.harness import SECRET, Errand, errand, saying

DONE = Reply([Text("Done.")])


def bash(command: str, call: str = "") -> ToolUse:
    return ToolUse("bash", {"command": command}, call)


def kinds(task: Errand) -> list[str]:
    return [type(fact).__name__ for fact in task.facts if not isinstance(fact, TextDelta | OutputDelta)]


async def test_a_turn_is_told_in_order(supervisor: Supervisor, tmp_path: Path) -> None:
    script = in_turn(Reply([Thinking("Hm."), Text("Looking."), bash("echo hello", "t1")]), DONE)
    async with errand(script, supervisor, tmp_path) as task:
        ended = await task.turn("Look")
    assert ended == TurnEnded(EndReason.COMPLETED, "Done.")
    step = ["MessageAppended", "ToolStarted", "ToolFinished", "MessageAppended"]
    assert kinds(task) == ["PrefixFrozen", "MessageAppended", *step, "MessageAppended", "TurnEnded"]
    assert "".join(fact.text for fact in task.facts if isinstance(fact, OutputDelta)) == "hello\n"
    live = [fact for fact in task.facts if isinstance(fact, TextDelta)]
    assert "".join(fact.text for fact in live if fact.kind == "thinking") == "Hm."
    assert {fact.message_id for fact in live} == {"msg_2", "msg_4"}
    said = [fact for fact in task.facts if isinstance(fact, MessageAppended) and fact.role is Role.ASSISTANT]
    assert [(fact.message_id, fact.stop_reason) for fact in said] == [("msg_2", "tool_use"), ("msg_4", "end_turn")]
    assert all(fact.usage and fact.usage.cost_nanodollars for fact in said)


async def test_what_is_sent_is_what_was_recorded(supervisor: Supervisor, tmp_path: Path) -> None:
    script = in_turn(Reply([Thinking("Hm."), Text("Olá – 你好"), bash("printf 'ünï'")]), DONE, DONE)
    async with errand(script, supervisor, tmp_path) as task:
        await task.turn("Look")
        await task.turn("Again")
        assert task.messages == task.recorded[:-1]
        frozen = json.loads(task.record.prefix)
        for request in task.claude.requests:
            rest = {key: value for key, value in request.items() if key not in ("messages", "stream", "cache_control")}
            assert rest == frozen
            assert request["cache_control"] == {"type": "ephemeral"}


async def test_a_follow_up_continues_the_conversation_from_the_cache(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(DONE, Reply([Text("Also done.")])), supervisor, tmp_path) as task:
        await task.turn("First")
        await task.turn("Second")
        assert [message["role"] for message in task.messages] == ["user", "assistant", "user"]
        usage = task.record.messages[-1].usage
        assert usage is not None
        assert usage.cache_read_tokens > 1000
        assert usage.cache_write_tokens < 50
    assert sum(isinstance(fact, PrefixFrozen) for fact in task.facts) == 1


async def test_several_calls_run_in_order_and_are_answered_in_one_message(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    script = in_turn(
        Reply([bash("echo one > file", "t1"), bash("cat file", "t2"), ToolUse("read", {"path": "no"}, "t3")]), DONE
    )
    async with errand(script, supervisor, tmp_path) as task:
        await task.turn("Go")
        assert [result["tool_use_id"] for result in task.results] == ["t1", "t2", "t3"]
        assert len(task.results) == len(task.messages[-1]["content"])
        assert task.results[1]["content"].startswith("one\n[exit code 0")
        assert task.results[2]["is_error"] is True


async def test_the_next_fact_is_asked_for_before_a_tool_runs(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(Reply([bash("touch trace")])), supervisor, tmp_path) as task:
        async with aclosing(run_turn(task.agent, task.transcript, saying("Go"))) as facts:
            async for fact in facts:
                if isinstance(fact, ToolStarted):
                    break
        assert not (task.folder / "trace").exists()


async def test_closing_the_turn_kills_the_running_tool(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(Reply([bash("echo $$; sleep 60")])), supervisor, tmp_path) as task:
        async with aclosing(run_turn(task.agent, task.transcript, saying("Go"))) as facts:
            async for fact in facts:
                if isinstance(fact, OutputDelta):
                    pid = int(fact.text)
                    break
        assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (ToolUse("teleport", {"where": "home"}), "There is no tool 'teleport'"),
        (ToolUse("bash", {"cmd": "ls"}), "not valid"),
        (ToolUse("bash", {"command": 7}), "not valid"),
        (ToolUse("bash", {"command": "ls\0"}), "NUL"),
    ],
)
async def test_a_wrong_call_is_answered_with_words(
    supervisor: Supervisor, tmp_path: Path, call: ToolUse, words: str
) -> None:
    async with errand(in_turn(Reply([call]), DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        assert task.results[0]["is_error"] is True
        assert words in task.results[0]["content"]


CUT = Reply(
    [Text("I write."), ToolUse("bash", {"command": "touch trace", "timeout_s": 60}, "t1", cut_after_chars=30)],
    stop_reason="max_tokens",
)


async def test_a_call_that_was_cut_at_the_output_limit_is_asked_for_again_with_more_room(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with errand(in_turn(CUT, Reply([bash("touch trace", "t1")]), DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        first, second, third = task.claude.requests
        assert second == first | {"max_tokens": 2 * first["max_tokens"]}
        assert third["max_tokens"] == first["max_tokens"]
        assert (task.folder / "trace").exists()
        assert third["messages"] == task.recorded[:-1]
    assert "I write." not in str(task.recorded)


async def test_a_call_that_is_cut_with_more_room_too_is_kept_and_never_run(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with errand(in_turn(CUT, CUT, DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        assert task.results == [{"type": "tool_result", "tool_use_id": "t1", "content": CUT_OFF, "is_error": True}]
        assert task.messages[1]["content"][0] == {"type": "text", "text": "I write."}
        assert not (task.folder / "trace").exists()
    assert not any(isinstance(fact, ToolStarted) for fact in task.facts)


async def test_words_that_were_cut_at_the_output_limit_go_on(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(Reply([Text("One,")], stop_reason="max_tokens"), DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Count")).reason is EndReason.COMPLETED
        assert task.messages[-1]["content"] == [{"type": "text", "text": GO_ON}]


async def test_a_reply_without_end_is_stopped(supervisor: Supervisor, tmp_path: Path) -> None:
    endless = Reply([Text("and")], stop_reason="max_tokens")
    async with errand(lambda request: endless, supervisor, tmp_path) as task:
        assert (await task.turn("Count")).reason is EndReason.MODEL_REQUEST
        assert len(task.claude.requests) == 4


async def test_a_paused_turn_is_sent_back_as_it_is(supervisor: Supervisor, tmp_path: Path) -> None:
    search = Raw({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}})
    async with errand(in_turn(Reply([search], stop_reason="pause_turn"), DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Search")).reason is EndReason.COMPLETED
        assert [message["role"] for message in task.messages] == ["user", "assistant"]


async def test_a_turn_that_is_paused_for_ever_is_stopped(supervisor: Supervisor, tmp_path: Path) -> None:
    def pausing(request: Request) -> Reply:
        search = {"type": "server_tool_use", "id": f"srvtoolu_{request.number}", "name": "web_search", "input": {}}
        return Reply([Raw(search)], stop_reason="pause_turn")

    async with errand(pausing, supervisor, tmp_path) as task:
        assert (await task.turn("Search")).reason is EndReason.MODEL_REQUEST
        assert len(task.claude.requests) == 6


@pytest.mark.parametrize("blank", [Reply([]), Reply([Text(" \n")]), Reply([Thinking("Hm.")])])
async def test_an_empty_reply_is_not_kept_and_asked_about_once(
    supervisor: Supervisor, tmp_path: Path, blank: Reply
) -> None:
    async with errand(in_turn(blank, DONE, blank, blank), supervisor, tmp_path) as task:
        assert await task.turn("Go") == TurnEnded(EndReason.COMPLETED, "Done.")
        assert task.messages[-1]["content"] == [{"type": "text", "text": SAY_SOMETHING}]
        assert (await task.turn("Again")).text == "Claude stopped without a closing word."


async def test_content_decides_where_the_stop_reason_does_not_fit(supervisor: Supervisor, tmp_path: Path) -> None:
    script = in_turn(
        Reply([bash("echo a")], stop_reason="end_turn"),
        Reply([bash("echo b")], stop_reason="tea_time"),
        Reply([Text("Fin.")], stop_reason="tool_use"),
    )
    async with errand(script, supervisor, tmp_path) as task:
        assert await task.turn("Go") == TurnEnded(EndReason.COMPLETED, "Fin.")
    assert kinds(task).count("ToolFinished") == 2


async def test_a_turn_has_a_limit(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(lambda request: Reply([bash("true")]), supervisor, tmp_path, max_requests=3) as task:
        assert (await task.turn("Go")).reason is EndReason.PARKED
        assert len(task.claude.requests) == 3


async def test_no_secret_reaches_a_fact_or_the_model(supervisor: Supervisor, tmp_path: Path) -> None:
    halves = f"printf %s {SECRET[:9]}; sleep 0.05; echo {SECRET[9:]}; echo {SECRET} > leak"
    script = in_turn(Reply([ToolUse("bash", {"command": "sh ./leaky"}), ToolUse("read", {"path": "leak"})]), DONE)
    async with errand(script, supervisor, tmp_path) as task:
        (task.folder / "leaky").write_text(halves)
        await task.turn("Go")
        assert SECRET not in json.dumps(task.claude.requests)
        assert [MASK in result["content"] for result in task.results] == [True, True]
    assert SECRET not in repr(task.facts)
    assert SECRET not in "".join(fact.text for fact in task.facts if isinstance(fact, OutputDelta))


async def test_what_claude_says_stays_as_it_came(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(lambda request: Reply([Text(f"It is {SECRET}.")]), supervisor, tmp_path) as task:
        await task.turn("Go")
    (said,) = [each for each in task.facts if isinstance(each, MessageAppended) and each.role is Role.ASSISTANT]
    assert json.loads(said.content)[0]["text"] == f"It is {SECRET}."


def crashing_script(request: Request) -> Reply:
    """Two steps and a closing word, each chosen by which commands were answered, interrupted or not."""
    commands = [str(run.input["command"]) for run in request.runs]
    for step in ("echo a >> log", "echo b >> log"):
        if step not in commands:
            return Reply([Thinking("Next."), Text("Next."), bash(step), bash(f"{step}; true")])
    return DONE


async def test_a_turn_goes_on_from_its_record_after_a_crash_at_any_fact(supervisor: Supervisor, tmp_path: Path) -> None:
    ended, facts = False, 0
    while not ended:
        facts += 1
        folder = tmp_path / str(facts)
        folder.mkdir()
        async with errand(crashing_script, supervisor, folder) as task:
            ended = await task.turn_until_crash("Go", facts=facts)
            said = "" if task.record.messages else "Go"
            if not ended:
                assert (await task.turn(said)).reason is EndReason.COMPLETED
            check_record(task)
    assert facts > 15


async def test_a_turn_goes_on_after_a_crash_at_every_third_fact(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(crashing_script, supervisor, tmp_path) as task:
        words = "Go"
        while not await task.turn_until_crash(words, facts=3):
            words = "" if task.record.messages else "Go"
        check_record(task)


def check_record(task: Errand) -> None:
    """Holds the record against what every history must be."""
    answered: list[str] = []
    asked: list[str] = []
    for message in task.record.messages:
        for block in json.loads(message.content):
            if block["type"] == "tool_use":
                asked.append(block["id"])
            elif block["type"] == "tool_result":
                answered.append(block["tool_use_id"])
    assert answered == asked
    assert None not in task.record.calls.values(), "every tool that started has an end on record"
    for earlier, later in zip(task.claude.requests, task.claude.requests[1:], strict=False):
        assert later["messages"][: len(earlier["messages"])] == earlier["messages"]
    log = (task.folder / "log").read_text().split() if (task.folder / "log").exists() else []
    assert len(log) <= len(asked), "no command was run twice"


async def test_an_interrupted_tool_is_not_run_again_and_claude_is_told(supervisor: Supervisor, tmp_path: Path) -> None:
    calls = [bash("echo first >> log", "t1"), bash("echo second >> log", "t2"), bash("echo third >> log", "t3")]
    async with errand(in_turn(Reply(calls), DONE), supervisor, tmp_path) as task:
        async with aclosing(run_turn(task.agent, task.transcript, saying("Go"))) as facts:
            async for fact in facts:
                task.record.keep(fact)
                if isinstance(fact, ToolStarted) and fact.tool_use_id == "t2":
                    break
        task.transcript = task.record.restore()
        assert (await task.turn("Where are we?")).reason is EndReason.COMPLETED
        content: list[Any] = task.messages[-1]["content"]
        assert [block.get("content", block.get("text")) for block in content[1:]] == [
            INTERRUPTED,
            NOT_RUN,
            "Where are we?",
        ]
        assert content[0]["content"].startswith("(no output)")
        assert (task.folder / "log").read_text() == "first\n"
    finished = [fact for fact in task.facts if isinstance(fact, ToolFinished)]
    assert [(fact.tool_use_id, fact.is_error) for fact in finished] == [("t2", True)]


async def test_a_turn_whose_end_was_not_recorded_only_ends(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(DONE), supervisor, tmp_path) as task:
        assert not await task.turn_until_crash("Go", facts=4)
        assert await task.turn("") == TurnEnded(EndReason.COMPLETED, "Done.")
        assert len(task.claude.requests) == 1
