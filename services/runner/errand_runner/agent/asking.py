"""Asking Claude for one reply, however many tries that takes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from errand_common.values import Role, WaitReason
from errand_runner.agent.affording import Affording
from errand_runner.agent.agent import Agent
from errand_runner.agent.blocks import encode
from errand_runner.agent.exchange import ContextOverflow, ModelError, Piece, Reply, Request
from errand_runner.agent.facts import (
    ConversationShortened,
    EndReason,
    Fact,
    ModelDelayed,
    ReplyDropped,
    TextDelta,
    TurnEnded,
    Waiting,
)
from errand_runner.agent.judge import cut_in_a_call, overflowed
from errand_runner.agent.mending import mended, unanswered
from errand_runner.agent.meter import is_nearly_full, measured, used_after
from errand_runner.agent.model import Abilities
from errand_runner.agent.retry import Tries
from errand_runner.agent.room import Room
from errand_runner.agent.spending import usage_of
from errand_runner.agent.transcript import Message, Transcript
from errand_runner.agent.unfinished import Unfinished
from errand_runner.agent.waits import wait_for

_MORE_ROOM = "it did not fit into the output limit, and is asked for again with twice the room"
_TOO_LONG = "the conversation no longer fits the model"
_MENDED = "What the model's service refused of the latest results is left out."
_NO_ROOM = (
    "The conversation no longer fits the model, and could not be made shorter. Start a new task for what is left."
)
# A conversation that is nearly full again so soon after room was made gains nothing from making more.
_REQUESTS_BETWEEN = 5


class Asking:
    """One turn's requests. What came of a broken reply is void, and nothing of it is kept."""

    def __init__(self, agent: Agent, transcript: Transcript) -> None:
        self._agent, self._transcript = agent, transcript
        self._room = Room(agent, transcript)
        self._affording = Affording(agent, transcript)
        self._requests = 0
        self._room_made_at = -_REQUESTS_BETWEEN
        self._abilities: dict[str, Abilities] = {}
        self._unfinished: Unfinished | None = None
        self.message_id = ""
        """The id under which the latest try's pieces were told."""
        self.reply: Reply | None = None
        self.ending: TurnEnded | None = None

    async def ask(self) -> AsyncGenerator[Fact]:
        """Sets the reply, or how the turn ends without one."""
        self.reply, agent = None, self._agent
        self._requests += 1
        if self._requests > agent.max_requests:
            words = f"Claude was asked {agent.max_requests} times, which is a turn's limit; send it on to continue."
            yield self._park(Waiting(WaitReason.ALLOWANCE, words))
            return
        if await self._is_nearly_full():
            self._room_made_at = self._requests
            async with aclosing(self._room.make()) as making:
                async for fact in making:
                    yield fact
        tries = Tries(agent.patience, now_s=agent.now_s, utcnow=agent.utcnow, chance=agent.chance)
        remedies = _Remedies()
        while self.reply is None and self.ending is None:
            wanted = self._transcript.prefix.max_tokens
            async with aclosing(self._affording.ask(remedies.max_tokens or wanted)) as asking:
                async for fact in asking:
                    yield fact
            if self._affording.ending is not None:
                self.ending = self._affording.ending
                return
            granted = self._affording.reply_tokens
            request = Request(
                self._transcript.prefix, self._transcript.messages, max_tokens=None if granted == wanted else granted
            )
            try:
                async with aclosing(self._once(request)) as pieces:
                    async for piece in pieces:
                        yield piece
            except ModelError as error:
                if (dropped := self._dropped(str(error))) is not None:
                    yield dropped
                step = self._after(error, tries, remedies)
            else:
                step = self._look_at(request, remedies)
            async with aclosing(step) as facts:
                async for fact in facts:
                    yield fact

    async def _once(self, request: Request) -> AsyncGenerator[Fact]:
        await self._agent.gate()
        self.message_id = self._agent.new_id("msg")
        self._unfinished = unfinished = Unfinished(self._agent, self.message_id)
        try:
            async with aclosing(self._agent.model.stream(request)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Reply):
                        self.reply, self._unfinished = piece, None
                        continue
                    unfinished.take(piece)
                    if isinstance(piece, Piece):
                        yield TextDelta(self.message_id, piece.block_index, piece.kind, piece.text)
        except (asyncio.CancelledError, GeneratorExit):
            if self._unfinished is not None:
                self._unfinished.leave()
            raise

    async def _after(self, error: ModelError, tries: Tries, remedies: "_Remedies") -> AsyncGenerator[Fact]:
        """Does what may help against a failure: takes out what was refused, makes room, waits, or gives up."""
        latest = unanswered(self._transcript.messages)
        if remedies.may_mend and (content := mended(latest, error)) is not None:
            remedies.may_mend = False
            message = Message(self._agent.new_id("msg"), Role.USER, encode(content), replaces=latest[0].message_id)
            self._transcript.append(message)
            yield ConversationShortened(message, _MENDED)
        elif isinstance(error, ContextOverflow):
            async with aclosing(self._make_room(remedies)) as making:
                async for fact in making:
                    yield fact
        else:
            async with aclosing(self._wait(tries.after(error))) as waiting:
                async for fact in waiting:
                    yield fact

    async def _look_at(self, request: Request, remedies: "_Remedies") -> AsyncGenerator[Fact]:
        """Asks anew where the reply came to its limit; what it was is told once it counts."""
        reply = self.reply
        assert reply is not None, "what was streamed to its end is a reply"
        if overflowed(reply):
            self.reply = None
            yield ReplyDropped(self.message_id, reply.model, usage_of(self._agent, reply), _TOO_LONG)
            async with aclosing(self._make_room(remedies)) as making:
                async for fact in making:
                    yield fact
        elif (room := await self._more_room(request, reply)) is not None:
            remedies.max_tokens, self.reply = room, None
            yield ReplyDropped(self.message_id, reply.model, usage_of(self._agent, reply), _MORE_ROOM)
        else:
            before, self._transcript.used_tokens = self._transcript.used_tokens, used_after(reply.tokens)
            context = (await self._can()).context
            if context and (told := measured(before, self._transcript.used_tokens, context=context)) is not None:
                yield told

    async def _make_room(self, remedies: "_Remedies") -> AsyncGenerator[Fact]:
        """By a summary first, by a note if that was too long still, and not a third time."""
        remedies.rooms += 1
        if remedies.rooms > 2:
            self.ending = TurnEnded(EndReason.CONTEXT, _NO_ROOM)
            return
        self._room_made_at = self._requests
        async with aclosing(self._room.make() if remedies.rooms == 1 else self._room.leave_note()) as making:
            async for fact in making:
                yield fact

    async def _wait(self, follows: ModelDelayed | TurnEnded) -> AsyncGenerator[Fact]:
        if isinstance(follows, TurnEnded) and follows.reason is not EndReason.ALLOWANCE:
            self.ending = follows
        elif (wait := wait_for(follows, longest_s=self._agent.longest_delay_s)) is not None:
            yield self._park(wait)
        else:
            assert isinstance(follows, ModelDelayed)
            yield follows
            await self._agent.sleep(follows.delay_s)

    async def _more_room(self, request: Request, reply: Reply) -> int | None:
        """Twice the output limit for a reply that was cut off within a tool call; None where that does not apply, or
        was tried. A call that was cut off is never run."""
        if request.max_tokens is not None or not cut_in_a_call(reply):
            return None
        room = min(2 * request.prefix.max_tokens, (await self._can()).longest_reply or 0)
        return room if room > request.prefix.max_tokens else None

    async def _is_nearly_full(self) -> bool:
        used, reply = self._transcript.used_tokens, self._transcript.prefix.max_tokens
        if not used or self._requests - self._room_made_at < _REQUESTS_BETWEEN:
            return False
        context = (await self._can()).context
        return context is not None and is_nearly_full(used, context=context, reply=reply)

    async def _can(self) -> Abilities:
        """What the model can, asked once in a turn."""
        model = self._transcript.prefix.model
        if model not in self._abilities:
            self._abilities[model] = await self._agent.model.abilities(model)
        return self._abilities[model]

    def _dropped(self, why: str) -> ReplyDropped | None:
        """What a reply cost that broke off, as far as that is known."""
        unfinished, self._unfinished = self._unfinished, None
        return None if unfinished is None else unfinished.dropped(why)

    def _park(self, wait: Waiting) -> Waiting:
        self.ending = TurnEnded(EndReason.PARKED, wait.summary)
        return wait


class _Remedies:
    """What was tried already for one reply."""

    def __init__(self) -> None:
        self.may_mend = True
        self.rooms = 0
        self.max_tokens: int | None = None
