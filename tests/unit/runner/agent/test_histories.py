"""Whatever Claude does, whoever breaks it off: what is sent is what is on record, and no call runs twice."""

import asyncio
import itertools
import json
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from errand_runner.agent.agent import Agent
from errand_runner.agent.choice import Choice, settle_prefix
from errand_runner.agent.facts import TurnEnded
from errand_runner.agent.leaving import Leaving, Stopper
from errand_runner.agent.loop import run_turn
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.prices import PriceList
from errand_runner.agent.tools import Outcome
from errand_runner.agent.tools.wrong import no_such_tool
from errand_runner.agent.transcript import ToolCall, Transcript
from tests.standins.claude import ClaudeStandin, Cut, Failure, Reply, Request, Summary, Text, Thinking, ToolUse
from tests.standins.claude.replies import OVERLOADED, invalid
from tests.unit.runner.agent.harness import MODEL, NOON, Record, Time, closing, make_model, saying

OTHER = "claude-opus-5-5"
TOO_LONG = invalid("prompt is too long: 1200000 tokens > 1000000 maximum")
DECLINED = Reply([Text("I would ra")], stop_reason="refusal", refusal="cyber")


@dataclass(frozen=True)
class Step:
    """What Claude says once, how many tools it asks for, which there may not be, and what goes wrong before that."""

    words: str
    thinks: bool
    calls: int
    tool: str
    stop_reason: str
    trouble: Cut | Failure | Reply | None


@dataclass(frozen=True)
class Break:
    """After so many facts the turn breaks off: by a crash, or by a person, who then says more."""

    facts: int
    by: Stopper | None


STEPS = st.builds(
    Step,
    words=st.sampled_from(["Look.", "Olá – 你好", '"quoted" \\ back']),
    thinks=st.booleans(),
    calls=st.integers(1, 3),
    tool=st.sampled_from(["bash", "bash", "teleport"]),
    stop_reason=st.sampled_from(["", "", "end_turn", "tea_time", "max_tokens"]),
    trouble=st.sampled_from([None, None, Cut.END_OF_FILE, Cut.ABORT, Cut.ERROR_EVENT, OVERLOADED, TOO_LONG, DECLINED]),
)
BREAKS = st.builds(Break, facts=st.integers(1, 12), by=st.sampled_from([None, Stopper.PERSON]))

IN_A_ROW = 3
"""How often in a row the loop takes a reply that was cut off, and one of wrong calls alone; one more ends the turn
(test_loop.py and test_miscalls.py hold it)."""


def is_bearable(steps: Sequence[Step]) -> bool:
    """Says whether the loop goes on to the closing word: it gives up on a Claude that is cut off, or calls what there
    is not, time after time, and on one that declines twice."""
    cut = [step.stop_reason == "max_tokens" for step in steps]
    wrong = [step.tool != "bash" for step in steps]
    runs = [len(list(run)) for each in (cut, wrong) for holds, run in itertools.groupby(each) if holds]
    return max(runs, default=0) <= IN_A_ROW and sum(step.trouble is DECLINED for step in steps) <= 1


class Script:
    """Goes through the steps, each of which goes wrong once, to a closing word."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._troubled: set[int] = set()

    def __call__(self, request: Request) -> Reply | Failure:
        # What is left of a conversation says how far it came, also where that is a summary or a note.
        told = [int(number) for number in re.findall(r"step (\d+):", json.dumps(request.messages))]
        number = max(told, default=-1) + 1
        if "compaction" in request.body:
            return Reply([Summary(f"So far, step {number - 1}: done." if number else "Nothing so far.")])
        if number == len(self._steps):
            return Reply([Text("Done.")])
        step = self._steps[number]
        thoughts = [Thinking("Hm.")] if step.thinks else []
        calls = [
            ToolUse(step.tool, {"command": f"{number}.{place}"}, f"t{number}_{place}") for place in range(step.calls)
        ]
        reply = Reply([*thoughts, Text(f"step {number}: {step.words}"), *calls], stop_reason=step.stop_reason)
        if step.trouble is None or number in self._troubled:
            return reply
        self._troubled.add(number)
        return replace(reply, cut=step.trouble, cut_after_events=5) if isinstance(step.trouble, Cut) else step.trouble


LOOKS = "look"
"""The loop's own call, by which it sees for a note how far the work is."""


class CountedTools:
    """Runs nothing, and remembers which calls of Claude's it was asked to run."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    async def run(self, call: ToolCall) -> AsyncGenerator[str | Outcome]:
        if call.tool_use_id != LOOKS:
            self.ran.append(call.tool_use_id)
        yield "live"
        if call.name != "bash":
            yield Outcome(no_such_tool(call.name, ["bash"]), is_error=True)
            return
        yield Outcome(f"ran {call.input['command']}")

    async def end_turn(self) -> None:
        """Nothing runs on."""


@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, max_size=6).filter(is_bearable), st.lists(BREAKS, max_size=6))
def test_a_history_goes_on_from_its_record(steps: Sequence[Step], breaks: Sequence[Break]) -> None:
    asyncio.run(check(steps, breaks))


async def check(steps: Sequence[Step], breaks: Sequence[Break]) -> None:
    record, tools, time, ids = Record(), CountedTools(), Time(), itertools.count(1)
    async with ClaudeStandin(Script(steps)) as claude, closing(make_model(claude)) as model:
        agent = Agent(
            model=model,
            tools=tools,
            prices=PriceList.load(),
            new_id=lambda prefix: f"{prefix}_{next(ids)}",
            fallback_model=OTHER,
            now_s=time.now_s,
            utcnow=lambda: NOON,
            sleep=time.sleep,
            chance=lambda: 0.5,
        )
        prefix = await settle_prefix(model, Choice(MODEL))
        words = ""
        for each in [*breaks, Break(1_000, None)]:
            transcript = record.restore() if record.prefix else Transcript(prefix)
            ended_by = replace(agent, leaving=leaving(each.by, record))
            said = words if record.messages else "Go"
            if await run_until(ended_by, transcript, record, said, facts=each.facts):
                break
            words = "And?" if each.by else ""
        requests = claude.requests

    asked = [call.tool_use_id for message in record.kept for call in message.calls]
    answered = [
        block["tool_use_id"]
        for message in record.kept
        for block in json.loads(message.content)
        if block["type"] == "tool_result"
    ]
    assert answered == asked
    assert len(set(tools.ran)) == len(tools.ran)
    assert record.kept[-1].text == "Done."
    folds = wires(prefix, record)
    models = [request["model"] for request in requests]
    assert models == sorted(models, key=[MODEL, OTHER].index), "who declined is not asked again"
    for request in requests:
        assert json.dumps(request["messages"]) in folds
        assert request["system"] == prefix.params["system"]
        assert request["tools"] == prefix.params["tools"]


def leaving(by: Stopper | None, record: Record) -> Leaving:
    return Leaving(stopper=lambda: by, leave=record.keep)


def wires(prefix: Prefix, record: Record) -> set[str]:
    """What can be sent after each message that is on record."""
    transcript = Transcript(prefix)
    found: set[str] = set()
    for message in record.kept:
        transcript.append(message)
        found.add(json.dumps([{"role": each.role, "content": each.blocks} for each in transcript.messages]))
    return found


async def run_until(agent: Agent, transcript: Transcript, record: Record, said: str, *, facts: int) -> bool:
    """Loses all but the record after so many facts; says whether the turn ended before."""
    async with aclosing(run_turn(agent, transcript, saying(said))) as turn:
        async for fact in turn:
            record.keep(fact)
            facts -= 1
            if isinstance(fact, TurnEnded):
                return True
            if not facts:
                return False
    raise AssertionError("a turn ends with its end")
