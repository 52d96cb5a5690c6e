"""A conversation in a schedule, as the loop tells it: the model and its tools are scripted."""

import asyncio
import hashlib
import json
from contextlib import suppress
from typing import Any

from errand.v1 import task_pb2
from errand_common import rpc
from errand_common.errors import ErrandError
from errand_common.values import Role, WaitReason
from errand_runner.agent import facts
from errand_runner.agent.prefix import Prefix
from errand_runner.freezer import Freezer
from errand_runner.inputs import Inbox
from errand_runner.outbox import Log
from errand_runner.record import Recorder
from tests.sim import wrong
from tests.sim.outside import Container
from tests.sim.poison import Poison
from tests.sim.spending import NANODOLLARS, Spending
from tests.sim.temper import Means

PARK_BEATS = 24
_ASK = "ask_user"
_LONG = (70_000, 70_000, 300_000)


class Parked(Exception):
    """Nobody answered in time."""


class Conversation:
    """One attempt's part of it."""

    def __init__(
        self,
        means: Means,
        assignment: Any,
        inbox: Inbox,
        recorder: Recorder,
        freezer: Freezer,
        container: Container,
        log: Log,
    ) -> None:
        self.means, self.assignment, self.inbox, self.container = means, assignment, inbox, container
        self.recorder, self.freezer, self.chance, self.temper = recorder, freezer, means.chance, means.temper
        self.log = log
        self.last_role = self.last_message = ""
        self._prefix_stored = False

    async def take_up(self) -> None:
        """The conversation goes on from the scheduler's record."""
        self.inbox.drop(self.recorder.taken)
        calls: dict[str, Any] = {}
        last: Any = None
        stored = await self.means.dispatch.transcript(self.assignment.attempt)
        self._spending = Spending(self.means, self.assignment, self.inbox, stored)
        for piece in stored:
            kind = piece.WhichOneof("item")
            if kind == "prefix":
                self._prefix_stored = True
            elif kind == "message":
                last = piece.message
            elif kind == "tool_call":
                calls[piece.tool_call.tool_call_id] = piece.tool_call
        self.last_role = "" if last is None else ("user" if last.role == task_pb2.ROLE_USER else "assistant")
        asks = any(_is_open_question(call) for call in calls.values())
        if self.recorder.waiting and not asks:
            await self.recorder.wait_ended()
        if last is None or self.last_role == "user" or not last.content:
            return
        asked = [block["id"] for block in json.loads(last.content) if block.get("type") == "tool_use"]
        if not asked:
            return
        answer = await self._answer_open_question([each for each in asked if _is_open_question(calls.get(each))], calls)
        for call_id in asked:
            known = calls.get(call_id)
            if known is None or not known.output:
                await self.recorder.fact(
                    facts.ToolFinished(call_id, "bash", b"{}", json.dumps("interrupted").encode(), True, 0.0)
                )
        content = [{"type": "tool_result", "tool_use_id": each, "content": "x"} for each in asked]
        await self._say(Role.USER, content, [answer] if answer else [])

    async def _answer_open_question(self, questions: list[str], calls: dict[str, Any]) -> str:
        """As errand_runner.talk: what was said meanwhile, or wait again. The input's id. Raises Parked."""
        if not questions:
            return ""
        asked_us = calls[questions[0]].created_time.ToMicroseconds()
        self.inbox.go_on_with_question(asked_us=asked_us)
        if (given := self.inbox.take_answer()) is None:
            return await self._wait(WaitReason.QUESTION, call_id=questions[0], again=True)
        await self.recorder.fact(facts.WaitOver(given.input_id))
        return given.input_id

    async def turns(self) -> None:
        if not self._prefix_stored:
            prefix = Prefix.freeze(model="claude", max_tokens=1000, system="be good", tools=[])
            await self.recorder.fact(facts.PrefixFrozen(prefix))
        first = True
        while True:
            said = self.inbox.take()
            if said:
                blocks = [{"type": "text", "text": each.text} for each in said]
                await self._say(Role.USER, blocks, [each.input_id for each in said])
            elif not first or self.last_role == "assistant":
                return
            first = False
            await self._turn()
            await self._keep()

    async def _keep(self) -> None:
        """What is not committed goes to the git host; of another turn it is another commit."""
        commit = hashlib.sha256(self.last_message.encode()).hexdigest()
        await self.recorder.checkpoint_saved(commit, head="c" * 64, left_out_count=0, left_out="")

    async def _turn(self) -> None:
        for _ in range(self.chance.randint(1, self.temper.turns_most)):
            await self._may_act()
            await self._stream()
            if self._happens(self.temper.quota):
                await self._wait(WaitReason.QUOTA, resume_s=self.chance.choice((0.5, self.chance.uniform(60, 400))))
            if self._happens(self.temper.allowance):
                await self._wait(WaitReason.ALLOWANCE)
            if not self._happens(0.7):
                break
            await self._tools()
        await self._may_act()
        if self._happens(self.temper.wrong):
            await self._err()
        await self._say(Role.ASSISTANT, [{"type": "text", "text": self._last_words()}], [])

    async def _err(self) -> None:
        """Do what nobody may; then say what nobody may, which ends the attempt."""
        dispatch, ref = self.means.dispatch, self.assignment.attempt
        for outcome in wrong.outcomes(ref):
            if not (await dispatch.finish(outcome)).error_reason:
                raise self.means.outside.breach("bug", f"{self.log.attempt_id} ended as {outcome}")
        method, request = self.chance.choice(wrong.calls_of_runner(dispatch._session_id, ref))
        with suppress(ErrandError), rpc.renamed_errors():
            await wrong.ask(dispatch.stub, method, request, dispatch.metadata)
            raise self.means.outside.breach("bug", f"{method} was done: {request!r}"[:300])
        if self._happens(0.6):
            self.means.outside.spoiled(self.log.attempt_id)
            if self._happens(0.3):
                await dispatch.finish(wrong.end_before_the_end(ref))
                await self.recorder.log_gap("cal_1", 1)
            else:
                await self.log.append(self.chance.choice(wrong.events(self.last_message)))

    def _last_words(self) -> str:
        if self._happens(self.temper.poison):
            self.means.outside.spoiled(self.log.attempt_id)
            return self.chance.choice(list(Poison))
        return self._long("x") if self._happens(self.temper.large) else "done"

    def _long(self, letter: str) -> str:
        """Too long for an event, and mostly like no other."""
        return letter * self.chance.choice(_LONG) + str(self.chance.randint(1, 20))

    async def _stream(self) -> None:
        message_id = self.means.ids.new("msg")
        if self._happens(self.temper.delays):
            await self.recorder.fact(facts.ModelDelayed("overloaded", 2.0))
            await asyncio.sleep(2.0)
        for _ in range(self.chance.randint(0, 3)):
            words = "word " * self.chance.choice((self.chance.randint(1, 40), 3_000))
            await self.recorder.fact(facts.TextDelta(message_id, 0, self.chance.choice(("text", "thinking")), words))
            await self._while(self.temper.pace_s / 4)

    async def _tools(self) -> None:
        count = self.chance.randint(1, self.temper.tools_most)
        ids = [self.means.ids.new("cal") for _ in range(count)]
        blocks = [{"type": "tool_use", "id": each, "name": "bash", "input": {}} for each in ids]
        await self._say(Role.ASSISTANT, blocks, [])
        taken: list[str] = []
        for call_id in ids:
            await self._may_act()
            asks = self._happens(self.temper.ask)
            name = _ASK if asks else "bash"
            await self.recorder.fact(facts.ToolStarted(call_id, name, b'{"command": "true"}'))
            answer = None
            if asks:
                answer = await self._wait(WaitReason.QUESTION, call_id=call_id)
            else:
                await self.recorder.fact(facts.OutputDelta(call_id, "line\n" * self.chance.randint(1, 20)))
                await self._while(self.temper.pace_s)
            if answer:
                taken.append(answer)
            output = json.dumps(self._long("y") if self._happens(self.temper.large) else "out").encode()
            dropped = 1000 if self._happens(self.temper.gaps) else 0
            await self.recorder.fact(facts.ToolFinished(call_id, "bash", b"{}", output, False, 0.1, dropped))
        content: list[dict[str, Any]] = [{"type": "tool_result", "tool_use_id": each, "content": "x"} for each in ids]
        steers = self.inbox.take_steers()
        content += [{"type": "text", "text": each.text} for each in steers]
        await self._say(Role.USER, content, [*taken, *(each.input_id for each in steers)])

    async def _wait(
        self, reason: WaitReason, *, call_id: str = "", resume_s: float | None = None, again: bool = False
    ) -> str:
        """Raises Parked. The id of the input that ended it."""
        if reason is WaitReason.QUESTION and not again:
            self.inbox.begin_question()
        await self.recorder.fact(facts.Waiting(reason, "which?", call_id, resume_s))
        if reason is not WaitReason.QUESTION:
            raise Parked
        try:
            async with asyncio.timeout(PARK_BEATS * self.means.leases.beat_s):
                given = await self.inbox.next_answer()
        except TimeoutError:
            raise Parked from None
        await self.recorder.fact(facts.WaitOver(given.input_id))
        return given.input_id

    async def _say(self, role: Role, blocks: list[dict[str, Any]], input_ids: list[str]) -> None:
        content = json.dumps(blocks).encode()
        usage = facts.Usage(10, 1, 1, 5, await self._asked()) if role is Role.ASSISTANT else None
        message_id = self.last_message = self.means.ids.new("msg")
        self.last_role = role
        fact = facts.MessageAppended(
            message_id, role, content, usage, "claude" if usage else "", "end_turn" if usage else "", input_ids
        )
        self._spending.heard(fact)
        await self.recorder.fact(fact)

    async def _asked(self) -> int:
        """Has the model reply, where that can be afforded; gives the nano-dollars that it cost. Raises Parked."""
        async for fact in self._spending.afford():
            await self.recorder.fact(fact)
        if self._spending.parked:
            raise Parked
        if not self.temper.costly:
            return NANODOLLARS
        await self.freezer.gate()
        cost, bill, attempt_id = NANODOLLARS * self.chance.randint(1, 4), self.means.outside.bill, self.log.attempt_id
        bill(attempt_id, cost)
        try:
            await self._while(self.temper.pace_s / 2)
        except asyncio.CancelledError:
            bill(attempt_id, -cost)
            raise
        return cost

    async def _may_act(self) -> None:
        await self.freezer.gate()
        self.means.outside.act(self.container, host=self.means.host)
        await self._while(self.temper.pace_s / 2)

    async def _while(self, mean_s: float) -> None:
        await asyncio.sleep(mean_s * self.chance.uniform(0.2, 1.8))

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self.chance.random() < chance


def _is_open_question(call: Any) -> bool:
    """Whether a stored call asks a person, and has no answer."""
    return call is not None and call.tool_name == _ASK and not call.output
