"""Whatever Claude does and whenever the runner crashes: what is sent is what is on record, and no call runs twice."""

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from errand_runner.agent.agent import Agent
from errand_runner.agent.choice import Choice, settle_prefix
from errand_runner.agent.facts import TurnEnded
from errand_runner.agent.loop import run_turn
from errand_runner.agent.prices import PriceList
from errand_runner.agent.tools import Outcome
from errand_runner.agent.transcript import ToolCall, Transcript
from tests.standins.claude import ClaudeStandin, Cut, Failure, Reply, Request, Text, Thinking, ToolUse
from tests.standins.claude.replies import OVERLOADED
from tests.unit.runner.agent.harness import MODEL, NOON, Record, Time, closing, make_model, saying


@dataclass(frozen=True)
class Step:
    """What Claude says once, how many tools it asks for, and what goes wrong before it is heard."""

    words: str
    thinks: bool
    calls: int
    stop_reason: str
    trouble: Cut | Failure | None


STEPS = st.builds(
    Step,
    words=st.sampled_from(["Look.", "Olá – 你好", '"quoted" \\ back']),
    thinks=st.booleans(),
    calls=st.integers(1, 3),
    stop_reason=st.sampled_from(["", "", "end_turn", "tea_time", "max_tokens"]),
    trouble=st.sampled_from([None, None, Cut.END_OF_FILE, Cut.ABORT, Cut.ERROR_EVENT, OVERLOADED]),
)

CUT_OFF_IN_A_ROW = 3
"""How often in a row the loop takes a reply that was cut off; one more ends the turn (test_loop.py holds it)."""


def is_bearable(steps: Sequence[Step]) -> bool:
    """Says whether the loop goes on to the closing word: it gives up on a Claude that is cut off time after time."""
    runs = (len(list(run)) for cut, run in itertools.groupby(step.stop_reason == "max_tokens" for step in steps) if cut)
    return max(runs, default=0) <= CUT_OFF_IN_A_ROW


class Script:
    """Goes through the steps, each of which goes wrong once, to a closing word."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._troubled: set[int] = set()

    def __call__(self, request: Request) -> Reply | Failure:
        number = sum(message["role"] == "assistant" for message in request.messages)
        if number == len(self._steps):
            return Reply([Text("Done.")])
        step = self._steps[number]
        thoughts = [Thinking("Hm.")] if step.thinks else []
        calls = [ToolUse("bash", {"command": f"{number}.{place}"}, f"t{number}_{place}") for place in range(step.calls)]
        reply = Reply([*thoughts, Text(step.words), *calls], stop_reason=step.stop_reason)
        if step.trouble is None or number in self._troubled:
            return reply
        self._troubled.add(number)
        return replace(reply, cut=step.trouble, cut_after_events=5) if isinstance(step.trouble, Cut) else step.trouble


class CountedTools:
    """Runs nothing, and remembers which calls it was asked to run."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    async def run(self, call: ToolCall) -> AsyncGenerator[str | Outcome]:
        self.ran.append(call.tool_use_id)
        yield "live"
        yield Outcome(f"ran {call.input['command']}")

    async def end_turn(self) -> None:
        """Nothing runs on."""


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, max_size=6).filter(is_bearable), st.lists(st.integers(1, 12), max_size=6))
def test_a_history_goes_on_from_its_record(steps: Sequence[Step], crashes: Sequence[int]) -> None:
    asyncio.run(check(steps, crashes))


async def check(steps: Sequence[Step], crashes: Sequence[int]) -> None:
    record, tools, time, ids = Record(), CountedTools(), Time(), itertools.count(1)
    async with ClaudeStandin(Script(steps)) as claude, closing(make_model(claude)) as model:
        agent = Agent(
            model=model,
            tools=tools,
            prices=PriceList.load(),
            new_id=lambda prefix: f"{prefix}_{next(ids)}",
            now_s=time.now_s,
            utcnow=lambda: NOON,
            sleep=time.sleep,
            chance=lambda: 0.5,
        )
        prefix = await settle_prefix(model, Choice(MODEL))
        for facts in [*crashes, 1_000]:
            transcript = record.restore() if record.prefix else Transcript(prefix)
            if await run_until(agent, transcript, record, facts=facts):
                break
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
    wire = record.restore().wire()
    for request in requests:
        sent = request["messages"]
        assert json.dumps(sent) == json.dumps(wire[: len(sent)])
        assert request["system"] == prefix.params["system"]
        assert request["tools"] == prefix.params["tools"]


async def run_until(agent: Agent, transcript: Transcript, record: Record, *, facts: int) -> bool:
    """Loses all but the record after so many facts; says whether the turn ended before."""
    said = saying("" if record.messages else "Go")
    async with aclosing(run_turn(agent, transcript, said)) as turn:
        async for fact in turn:
            record.keep(fact)
            facts -= 1
            if isinstance(fact, TurnEnded):
                return True
            if not facts:
                return False
    raise AssertionError("a turn ends with its end")
