"""What a conversation's turns do is recorded, each fact before the turn goes on, and what a turn leaves behind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace

import structlog

from errand.v1 import event_pb2
from errand_common.clock import Clock
from errand_runner.agent.agent import Agent
from errand_runner.agent.facts import Fact, TextDelta, TurnEnded
from errand_runner.agent.loop import run_turn
from errand_runner.agent.said import Said
from errand_runner.agent.transcript import Transcript
from errand_runner.outbox import OutboxError
from errand_runner.record import Recorder

# A person waits for the end of what they stopped, and an outbox that is full takes nothing.
_LEFT_S = 1.0


class Telling:
    """One conversation's; of an attempt's `first`, the delay of the first word is told, once."""

    def __init__(self, recorder: Recorder, clock: Clock, *, first: bool) -> None:
        self._recorder, self._clock = recorder, clock
        self._asked_s: float | None = clock.boot_s() if first else None

    async def turn(self, agent: Agent, transcript: Transcript, said: Said) -> TurnEnded:
        """Runs one turn to its end. What one that is cancelled has under way is recorded as far as it came."""
        left: list[Fact] = []
        agent = replace(agent, leaving=replace(agent.leaving, leave=left.append))
        try:
            async with aclosing(run_turn(agent, transcript, said)) as facts:
                return await self._record(facts)
        finally:
            if left:
                await self._record_left(left)

    async def _record(self, facts: AsyncIterator[Fact]) -> TurnEnded:
        async for fact in facts:
            if self._asked_s is not None and isinstance(fact, TextDelta):
                await self._recorder.step(event_pb2.STEP_FIRST_WORD, self._clock.boot_s() - self._asked_s)
                self._asked_s = None
            if isinstance(fact, TurnEnded):
                await self._recorder.written()
                return fact
            await self._recorder.fact(fact)
        raise AssertionError("a turn ends with TurnEnded")

    async def _record_left(self, left: Sequence[Fact]) -> None:
        try:
            async with asyncio.timeout(_LEFT_S):
                for fact in left:
                    await self._recorder.fact(fact)
                await self._recorder.written()
        except (OutboxError, TimeoutError) as exc:
            # What had the turn broken off is raised, not this.
            structlog.get_logger().warning("left_unrecorded", facts=len(left), reason=str(exc))
