"""Making room in a conversation that nears the model's limit: Claude sums it up, or else a note of ours goes on."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from errand_common.values import Role
from errand_runner.agent.affording import prospect
from errand_runner.agent.agent import Agent
from errand_runner.agent.allowance import Granted
from errand_runner.agent.blocks import encode
from errand_runner.agent.exchange import (
    ContextOverflow,
    ModelError,
    ModelUnavailable,
    Reply,
    Request,
    RequestRefused,
    UnknownModel,
)
from errand_runner.agent.facts import ConversationShortened, Fact, ModelDelayed, ReplyDropped
from errand_runner.agent.handoff import LOOK, hand_off
from errand_runner.agent.retry import Patience, Tries
from errand_runner.agent.spending import usage_of
from errand_runner.agent.tools import Outcome
from errand_runner.agent.transcript import COMPACTION, Message, ToolCall, Transcript
from errand_runner.agent.unfinished import Unfinished

_SUMMED_UP = "The conversation grew long; Claude goes on with a summary of it."
_HANDED_OFF = "The conversation grew too long for Claude, which goes on with a note of what is left of it."
_NO_SUMMARY = "the service made no summary of the conversation"
# A summary is worth a minute's trouble; without one, the note is there at once.
_PATIENCE = Patience(budget_s=60.0)


class Room:
    """One turn's. The transcript only grows: what takes the place of all before it is its newest message."""

    def __init__(self, agent: Agent, transcript: Transcript) -> None:
        self._agent, self._transcript = agent, transcript

    async def make(self) -> AsyncGenerator[Fact]:
        """Has Claude sum up what was said, or, where it cannot, leaves a note. Where the service refuses all requests,
        or the allowance is not enough for this one, it does neither: the next request says why."""
        agent = self._agent
        if self._transcript.last is None or self._transcript.last.role is not Role.USER:
            # A reply that goes on cannot be summed up.
            async with aclosing(self.leave_note()) as note:
                async for fact in note:
                    yield fact
            return
        tries = Tries(_PATIENCE, now_s=agent.now_s, utcnow=agent.utcnow, chance=agent.chance)
        while True:
            wanted = prospect(agent, self._transcript, reply_tokens=self._transcript.prefix.max_tokens)
            granted = await agent.purse.grant(wanted)
            if not isinstance(granted, Granted):
                return
            await agent.gate()
            unfinished = Unfinished(agent, "")
            try:
                reply = await self._summary(unfinished, granted.reply_tokens)
            except ModelError as error:
                if (dropped := unfinished.dropped(str(error))) is not None:
                    yield dropped
                if isinstance(error, ModelUnavailable) and isinstance(follows := tries.after(error), ModelDelayed):
                    yield follows
                    await agent.sleep(follows.delay_s)
                    continue
                if isinstance(error, UnknownModel) or not isinstance(
                    error, ModelUnavailable | ContextOverflow | RequestRefused
                ):
                    return
                break
            blocks = [block for block in reply.blocks if block.get("type") == COMPACTION and block.get("content")]
            if blocks:
                message = Message(agent.new_id("msg"), Role.ASSISTANT, encode(blocks), replaces=self._first)
                yield self._shorten(message, _SUMMED_UP, reply)
                return
            yield ReplyDropped("", reply.model, usage_of(agent, reply), _NO_SUMMARY)
            break
        async with aclosing(self.leave_note()) as note:
            async for fact in note:
                yield fact

    async def leave_note(self) -> AsyncGenerator[Fact]:
        """Begins anew with a note of the task, what was said last, and how far the work is."""
        content = hand_off(self._transcript.messages, await look(self._agent))
        message = Message(self._agent.new_id("msg"), Role.USER, encode(content), replaces=self._first)
        yield self._shorten(message, _HANDED_OFF, None)

    @property
    def _first(self) -> str:
        return self._transcript.messages[0].message_id

    async def _summary(self, unfinished: Unfinished, reply_tokens: int) -> Reply:
        request = Request(self._transcript.prefix, self._transcript.messages, max_tokens=reply_tokens, sums_up=True)
        try:
            async with aclosing(self._agent.model.stream(request)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Reply):
                        return piece
                    unfinished.take(piece)
        except asyncio.CancelledError:
            unfinished.leave()
            raise
        raise AssertionError("a stream ends with a reply or an error")

    def _shorten(self, message: Message, words: str, reply: Reply | None) -> ConversationShortened:
        self._transcript.append(message)
        self._transcript.used_tokens = 0
        return ConversationShortened(
            message,
            words,
            usage=None if reply is None else usage_of(self._agent, reply),
            model="" if reply is None else reply.model,
            stop_reason="" if reply is None else reply.stop_reason,
        )


async def look(agent: Agent) -> str:
    """How far the work is, as git tells it."""
    await agent.gate()
    async with aclosing(agent.tools.run(ToolCall("look", "bash", {"command": LOOK}))) as pieces:
        async for piece in pieces:
            if isinstance(piece, Outcome):
                return piece.text
    raise AssertionError("a tool ends with its outcome")
