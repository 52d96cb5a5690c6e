"""The loop: ask Claude, judge the reply, run what it asks for, until it asks for nothing more."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from errand_common.values import Role, WaitReason
from errand_runner.agent.agent import Agent
from errand_runner.agent.answering import Answering
from errand_runner.agent.exchange import ModelError, Piece, Reply, Request
from errand_runner.agent.facts import (
    EndReason,
    Fact,
    MessageAppended,
    ModelDelayed,
    PrefixFrozen,
    TextDelta,
    TurnEnded,
    Usage,
    Waiting,
)
from errand_runner.agent.judge import CUT_OFF, Action, Streak, judge
from errand_runner.agent.prompt import AFTER_WAIT, BACKGROUND_ENDED
from errand_runner.agent.retry import Tries
from errand_runner.agent.said import Said
from errand_runner.agent.transcript import Block, Message, ToolCall, ToolResult, Transcript, encode
from errand_runner.agent.unattended import counts_on_background
from errand_runner.agent.waits import wait_for


async def run_turn(agent: Agent, transcript: Transcript, said: Said) -> AsyncGenerator[Fact]:
    """Runs one turn, from a person's words to Claude's last ones; gives facts, the last of them TurnEnded.

    Asking for the next fact says that the one before is durable; only then does the turn act on it. `said` is empty
    when a restarted runner goes on with a turn whose beginning the transcript holds. Closing the generator, or
    cancelling, stops Claude's stream and kills the running tool. Raises SandboxGone. The transcript belongs to the turn
    until it is over.
    """
    for step in _Turn(agent, transcript).steps(said):
        async with aclosing(step) as facts:
            async for fact in facts:
                yield fact


class _Turn:
    def __init__(self, agent: Agent, transcript: Transcript) -> None:
        self.agent = agent
        self.transcript = transcript
        self.requests = 0
        self.streak = Streak()
        self.message_id = ""
        self.reply: Reply | None = None
        self.ending: TurnEnded | None = None
        self.answering = Answering(agent, transcript)

    def steps(self, said: Said) -> Iterator[AsyncGenerator[Fact]]:
        """The story: each step runs to its end before the next is asked for."""
        yield self.open(said)
        while self.ending is None:
            yield self.ask()
            if self.reply is not None:
                yield self.follow(self.reply)
        yield self.close(self.ending)

    async def open(self, said: Said) -> AsyncGenerator[Fact]:
        """Records the prefix, answers what an interruption left open, and passes on the person's words."""
        if not self.transcript.is_recorded:
            yield PrefixFrozen(self.transcript.prefix)
            self.transcript.is_recorded = True
        async with aclosing(self.answering.take_up(said.answer)) as facts:
            async for fact in facts:
                yield fact
        if self.answering.parked is not None:
            self.ending = self.answering.parked
            return
        answers = self.answering.blocks
        if said.answer is not None and self.answering.has_heard:
            answers.append({"type": "text", "text": AFTER_WAIT})
        elif (answers or said.blocks) and counts_on_background(self.transcript.messages):
            answers.append({"type": "text", "text": BACKGROUND_ENDED})
        if answers or said.blocks:
            yield self.append([*answers, *said.blocks], [*self.answering.heard_ids(), *said.input_ids])
        elif (last := self.transcript.last) is not None and last.role is Role.ASSISTANT:
            self.ending = TurnEnded(EndReason.COMPLETED, last.text)

    async def ask(self) -> AsyncGenerator[Fact]:
        """Asks Claude until there is a whole reply. What came of a broken one is void, and nothing of it is kept."""
        self.reply = None
        self.requests += 1
        if self.requests > self.agent.max_requests:
            words = (
                f"Claude was asked {self.agent.max_requests} times, which is a turn's limit; send it on to continue."
            )
            yield self.park(Waiting(WaitReason.ALLOWANCE, words))
            return
        request = Request(self.transcript.prefix, self.transcript.wire())
        tries = Tries(self.agent.patience, now_s=self.agent.now_s, utcnow=self.agent.utcnow, chance=self.agent.chance)
        while True:
            await self.agent.gate()
            self.message_id = self.agent.new_id("msg")
            try:
                async with aclosing(self.agent.model.stream(request)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Piece):
                            yield TextDelta(self.message_id, piece.block_index, piece.kind, piece.text)
                        else:
                            self.reply = piece
                return
            except ModelError as error:
                follows = tries.after(error)
            if isinstance(follows, TurnEnded) and follows.reason is not EndReason.ALLOWANCE:
                self.ending = follows
                return
            if (wait := wait_for(follows, longest_s=self.agent.longest_delay_s)) is not None:
                yield self.park(wait)
                return
            assert isinstance(follows, ModelDelayed)
            yield follows
            await self.agent.sleep(follows.delay_s)

    async def follow(self, reply: Reply) -> AsyncGenerator[Fact]:
        """Keeps the reply and does what follows from it."""
        verdict = judge(reply, self.streak)
        self.streak = self.streak.then(verdict.action)
        if verdict.keep:
            yield self.append_reply(reply, verdict.keep)
        match verdict.action:
            case Action.RUN:
                async with aclosing(self.run_tools(verdict.calls)) as facts:
                    async for fact in facts:
                        yield fact
            case Action.REFUSE_CALLS:
                yield self.answer([_cut_off(call).block() for call in verdict.calls])
            case Action.SAY:
                yield self.answer([{"type": "text", "text": verdict.text}])
            case Action.END:
                self.ending = TurnEnded(verdict.reason, verdict.text)

    async def run_tools(self, calls: Sequence[ToolCall]) -> AsyncGenerator[Fact]:
        """Runs the calls and gives Claude all results in one message."""
        async with aclosing(self.answering.run(calls)) as facts:
            async for fact in facts:
                yield fact
        if self.answering.parked is not None:
            self.ending = self.answering.parked
            return
        yield self.answer(self.answering.blocks)

    def park(self, wait: Waiting) -> Waiting:
        """Ends the turn until what it waits for is there."""
        self.ending = TurnEnded(EndReason.PARKED, wait.summary)
        return wait

    async def close(self, ending: TurnEnded) -> AsyncGenerator[Fact]:
        """Ends what still runs, and says how it ended."""
        await self.agent.tools.end_turn()
        yield ending

    def answer(self, content: Sequence[Block]) -> MessageAppended:
        """Adds what Claude is told in mid-work; what a person says there comes last, as the API wants it."""
        said = self.agent.steers()
        return self.append([*content, *said.blocks], [*self.answering.heard_ids(), *said.input_ids])

    def append(self, content: Sequence[Block], input_ids: Sequence[str]) -> MessageAppended:
        """Adds a message of ours; the transcript refuses what the API would, before anything is stored."""
        message = Message(self.agent.new_id("msg"), Role.USER, encode(content))
        self.transcript.append(message)
        return MessageAppended(message.message_id, message.role, message.content, input_ids=tuple(input_ids))

    def append_reply(self, reply: Reply, content: Sequence[Block]) -> MessageAppended:
        """Adds what Claude said, under the id that its live pieces had."""
        message = Message(self.message_id, Role.ASSISTANT, encode(content))
        self.transcript.append(message)
        return MessageAppended(
            message.message_id,
            message.role,
            message.content,
            usage=self.usage(reply),
            model=reply.model,
            stop_reason=reply.stop_reason,
        )

    def usage(self, reply: Reply) -> Usage:
        """Prices a reply at today's price."""
        tokens = reply.tokens
        return Usage(
            input_tokens=tokens.input,
            cache_write_tokens=tokens.cache_write_5m + tokens.cache_write_1h,
            cache_read_tokens=tokens.cache_read,
            output_tokens=tokens.output,
            cost_nanodollars=self.agent.prices.cost_nanodollars(reply.model, tokens, day=self.agent.utcnow().date()),
        )


def _cut_off(call: ToolCall) -> ToolResult:
    return ToolResult.of_text(call.tool_use_id, CUT_OFF, is_error=True)
