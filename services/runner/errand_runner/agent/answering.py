"""The calls of one reply are answered: by the tools, by the person, or from what is on record of an interruption."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial

from errand_common.tasks import side_by_side
from errand_common.values import WaitReason
from errand_runner.agent.agent import Agent
from errand_runner.agent.blocks import Block, encode
from errand_runner.agent.facts import (
    EndReason,
    Fact,
    LimitHit,
    OutputDelta,
    TodoChanged,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    Waiting,
    WaitOver,
)
from errand_runner.agent.gallery import Gallery
from errand_runner.agent.groups import groups_of
from errand_runner.agent.leaving import Running
from errand_runner.agent.said import Answer
from errand_runner.agent.tools import Outcome
from errand_runner.agent.tools.definitions import AskUserInput
from errand_runner.agent.transcript import NOT_RUN, ToolCall, ToolResult, Transcript
from errand_runner.agent.waits import question_in

AT_ONCE = 8
"""So many calls that only read run side by side."""


class Answering:
    """One turn's. `results` answer the calls that were dealt with last, in their order; `parked` is set where a person
    has to answer first."""

    def __init__(self, agent: Agent, transcript: Transcript) -> None:
        self.agent, self.transcript = agent, transcript
        self.results: list[ToolResult] = []
        self.parked: TurnEnded | None = None
        self._gallery = Gallery()
        self._heard: list[str] = []
        self._interrupted = False
        self._running: dict[str, Running] = {}
        """The calls of which the start is told and the end is not; a question to the person is none of them."""

    @property
    def blocks(self) -> list[Block]:
        """The results as a message carries them."""
        return [result.block() for result in self.results]

    @property
    def has_heard(self) -> bool:
        """Whether a person answered since the last message."""
        return bool(self._heard)

    def heard_ids(self) -> Sequence[str]:
        """The inputs that answered since the last message: the next one carries them."""
        heard, self._heard = self._heard, []
        return heard

    async def take_up(self, answer: Answer | None) -> AsyncGenerator[Fact]:
        """Answers what an interruption left open; `answer` is a person's, for the first question among it."""
        for message in self.transcript.messages:
            self._gallery.take(message.blocks)
        self.results = []
        for call in self.transcript.open_calls:
            async with aclosing(self._settle(call, None if self.has_heard else answer)) as facts:
                async for fact in facts:
                    yield fact
            if self.parked is not None:
                return
        self._gallery.take(self.blocks)

    async def run(self, calls: Sequence[ToolCall]) -> AsyncGenerator[Fact]:
        """Runs the calls in their order, those that only read side by side; behind one that was interrupted, none."""
        self.results, self._interrupted = [], False
        for group in groups_of(calls):
            if self._interrupted:
                self.results += [ToolResult.of_text(call.tool_use_id, NOT_RUN, is_error=True) for call in group]
                continue
            async with aclosing(self._run_group(group)) as facts:
                async for fact in facts:
                    yield fact
            if self.parked is not None:
                return

    async def _run_group(self, group: Sequence[ToolCall]) -> AsyncGenerator[Fact]:
        self._running = {call.tool_use_id: Running(call) for call in group if question_in(call) is None}
        try:
            for call in group:
                yield ToolStarted(call.tool_use_id, call.name, encode(call.input))
            step = self._one(group[0]) if len(group) == 1 else self._several(group)
            async with aclosing(step) as facts:
                async for fact in facts:
                    yield fact
        except (asyncio.CancelledError, GeneratorExit):
            self._leave()
            raise

    def _leave(self) -> None:
        """Who stops the work is not to be asked what became of it. Where it only goes on in another process, that says
        so when it does."""
        leaving = self.agent.leaving
        if (stopper := leaving.stopper()) is not None:
            for running in self._running.values():
                leaving.leave(running.stopped(stopper, self.agent.now_s()))

    async def _settle(self, call: ToolCall, answer: Answer | None) -> AsyncGenerator[Fact]:
        """A question that waits still is waited for again."""
        question = question_in(call)
        unfinished = self.transcript.started(call)
        asked = self.transcript.record(call.tool_use_id) is not None
        if question is not None and asked and answer is not None:
            # What the person says now wins over what is recorded: no message carries that yet.
            self._hear(call, answer)
            if unfinished:
                yield WaitOver(answer.input_id)
        elif question is not None and unfinished:
            async with aclosing(self._ask_person(call, question)) as facts:
                async for fact in facts:
                    yield fact
            if self.parked is not None:
                return
        else:
            self.results.append(self.transcript.recall(call))
        if unfinished:
            yield self._finished(call, duration_s=0.0)

    async def _one(self, call: ToolCall) -> AsyncGenerator[Fact]:
        started_s, question = self.agent.now_s(), question_in(call)
        step = self._run_tool(call) if question is None else self._ask_person(call, question)
        async with aclosing(step) as facts:
            async for fact in facts:
                yield fact
        if self.parked is None:
            yield self._finished(call, duration_s=self.agent.now_s() - started_s)

    async def _run_tool(self, call: ToolCall) -> AsyncGenerator[Fact]:
        await self.agent.gate()
        running, outcome = self._running[call.tool_use_id], None
        running.begin(self.agent.now_s())
        async with aclosing(self.agent.tools.run(call)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Outcome):
                    outcome = piece
                else:
                    running.print(piece)
                    yield OutputDelta(call.tool_use_id, piece)
        assert outcome is not None, "a tool ends with its outcome"
        for hit in outcome.hits:
            yield LimitHit(call.tool_use_id, hit.limit, hit.words)
        if outcome.todo is not None:
            yield TodoChanged(call.tool_use_id, outcome.todo)
        self._take(call, outcome)

    async def _several(self, calls: Sequence[ToolCall]) -> AsyncGenerator[Fact]:
        """Nothing is told while they run: they say nothing on the way, and take little time."""
        outcomes = await side_by_side([partial(self._read, call) for call in calls], at_once=AT_ONCE)
        for call, (outcome, duration_s) in zip(calls, outcomes, strict=True):
            self._take(call, outcome)
            yield self._finished(call, duration_s=duration_s)

    async def _read(self, call: ToolCall) -> tuple[Outcome, float]:
        await self.agent.gate()
        started_s = self.agent.now_s()
        self._running[call.tool_use_id].begin(started_s)
        async with aclosing(self.agent.tools.run(call)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Outcome):
                    return piece, self.agent.now_s() - started_s
        raise AssertionError("a tool ends with its outcome")

    async def _ask_person(self, call: ToolCall, question: AskUserInput) -> AsyncGenerator[Fact]:
        """Waits while the sandbox is kept; the person's answer is the result, or the turn parks."""
        self.agent.asks(call.tool_use_id)
        yield Waiting(WaitReason.QUESTION, question.question, call.tool_use_id, choices=question.choices)
        answer = await self.agent.answered()
        if answer is None:
            self.parked = TurnEnded(EndReason.PARKED, question.question)
            return
        self._hear(call, answer)
        yield WaitOver(answer.input_id)

    def _hear(self, call: ToolCall, answer: Answer) -> None:
        self._heard.append(answer.input_id)
        self.results.append(ToolResult.of_text(call.tool_use_id, answer.text))

    def _take(self, call: ToolCall, outcome: Outcome) -> None:
        self._interrupted = self._interrupted or outcome.is_interrupted
        self.results.append(self._result_of(call, outcome))

    def _result_of(self, call: ToolCall, outcome: Outcome) -> ToolResult:
        """What Claude is told; a picture that its API would refuse is told of instead."""
        picture = outcome.picture
        if picture is not None and (refusal := self._gallery.refusal(picture)):
            return ToolResult.of_text(call.tool_use_id, f"{outcome.text} It is not shown: {refusal}.", is_error=True)
        if picture is not None:
            self._gallery.hang(picture)
            words = {"type": "text", "text": outcome.text}
            return ToolResult.of_blocks(call.tool_use_id, [words, picture.block()])
        return ToolResult.of_text(
            call.tool_use_id, outcome.text, is_error=outcome.is_error, dropped_bytes=outcome.dropped_bytes
        )

    def _finished(self, call: ToolCall, *, duration_s: float) -> ToolFinished:
        """Of the call whose result was the last to come."""
        self._running.pop(call.tool_use_id, None)
        result = self.results[-1]
        return ToolFinished(
            call.tool_use_id,
            call.name,
            encode(call.input),
            result.output,
            result.is_error,
            duration_s,
            dropped_bytes=result.dropped_bytes,
        )
