"""The loop: ask Claude, judge the reply, run what it asks for, until it asks for nothing more."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from errand_common.values import Role, WaitReason
from errand_runner.agent.agent import Agent
from errand_runner.agent.allowance import with_note
from errand_runner.agent.answering import Answering
from errand_runner.agent.asking import Asking
from errand_runner.agent.blocks import Block, encode
from errand_runner.agent.exchange import Reply
from errand_runner.agent.facts import (
    EndReason,
    Fact,
    MessageAppended,
    PrefixFrozen,
    ReplyDropped,
    TurnEnded,
    Waiting,
    WaitOver,
)
from errand_runner.agent.fallback import fall_back, may_fall_back
from errand_runner.agent.judge import CUT_OFF, Action, Streak, judge
from errand_runner.agent.prompt import AFTER_WAIT, BACKGROUND_ENDED, MID_WORK
from errand_runner.agent.said import Said
from errand_runner.agent.spending import usage_of
from errand_runner.agent.stuck import ADVICE, NUDGES, QUESTIONS, course
from errand_runner.agent.transcript import Message, ToolCall, ToolResult, Transcript
from errand_runner.agent.unattended import counts_on_background


async def run_turn(agent: Agent, transcript: Transcript, said: Said) -> AsyncGenerator[Fact]:
    """Runs one turn, from a person's words to Claude's last ones; gives facts, the last of them TurnEnded.

    Asking for the next fact says that the one before is durable; only then does the turn act on it. A reply and a
    tool's result may still be on their way: nothing is done about them before the next fact. `said` is empty when a
    restarted runner goes on with a turn whose beginning the transcript holds. Closing the generator, or cancelling,
    stops Claude's stream and kills the running tool. Raises SandboxGone. The transcript belongs to the turn until it is
    over.
    """
    for step in _Turn(agent, transcript).steps(said):
        async with aclosing(step) as facts:
            async for fact in facts:
                yield fact
                if (nearly_spent := agent.purse.hear(fact)) is not None:
                    yield nearly_spent


class _Turn:
    def __init__(self, agent: Agent, transcript: Transcript) -> None:
        self.agent = agent
        self.transcript = transcript
        self.asking = Asking(agent, transcript)
        self.streak = Streak()
        self.ending: TurnEnded | None = None
        self.answering = Answering(agent, transcript)

    def steps(self, said: Said) -> Iterator[AsyncGenerator[Fact]]:
        """The story: each step runs to its end before the next is asked for."""
        yield self.open(said)
        while self.ending is None:
            yield self.steady()
            if self.ending is not None:
                break
            yield self.asking.ask()
            if self.asking.reply is not None:
                yield self.follow(self.asking.reply)
            self.ending = self.ending or self.asking.ending
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
        elif (last := self.transcript.last) is not None and last.role is Role.ASSISTANT and not last.is_summary:
            self.ending = TurnEnded(EndReason.COMPLETED, last.text)

    async def steady(self) -> AsyncGenerator[Fact]:
        """Tells Claude where it goes round in circles or calls nothing right; where that did not help, asks the
        person."""
        found = course(self.transcript.messages)
        if found in NUDGES:
            yield self.append([{"type": "text", "text": NUDGES[found]}], ())
        elif found in QUESTIONS:
            async with aclosing(self.ask_for_advice(QUESTIONS[found])) as facts:
                async for fact in facts:
                    yield fact

    async def ask_for_advice(self, question: str) -> AsyncGenerator[Fact]:
        """Waits for a person's word while the sandbox is kept, and passes it on, or parks."""
        self.agent.asks("")
        yield Waiting(WaitReason.QUESTION, question, choices=ADVICE)
        answer = await self.agent.answered()
        if answer is None:
            self.ending = TurnEnded(EndReason.PARKED, question)
            return
        yield WaitOver(answer.input_id)
        yield self.append([{"type": "text", "text": f"{MID_WORK}\n\n{answer.text}"}], [answer.input_id])

    async def follow(self, reply: Reply) -> AsyncGenerator[Fact]:
        """Keeps the reply and does what follows from it."""
        verdict = judge(reply, self.streak)
        self.streak = self.streak.then(verdict.action)
        if verdict.keep:
            yield self.append_reply(reply, verdict.keep)
        else:
            usage = usage_of(self.agent, reply)
            yield ReplyDropped(self.asking.message_id, reply.model, usage, verdict.text)
        match verdict.action:
            case Action.RUN:
                async with aclosing(self.run_tools(verdict.calls)) as facts:
                    async for fact in facts:
                        yield fact
            case Action.REFUSE_CALLS:
                yield self.answer([_cut_off(call).block() for call in verdict.calls])
            case Action.SAY:
                yield self.answer([{"type": "text", "text": verdict.text}])
            case Action.END if verdict.reason is EndReason.MODEL_REFUSED and may_fall_back(self.agent, self.transcript):
                async with aclosing(fall_back(self.agent, self.transcript, why=verdict.text)) as facts:
                    async for fact in facts:
                        yield fact
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
        words = self.agent.purse.note(self.transcript.messages)
        message = Message(self.agent.new_id("msg"), Role.USER, encode(with_note(content, words)))
        self.transcript.append(message)
        return MessageAppended(message.message_id, message.role, message.content, input_ids=tuple(input_ids))

    def append_reply(self, reply: Reply, content: Sequence[Block]) -> MessageAppended:
        """Adds what Claude said, under the id that its live pieces had."""
        message = Message(self.asking.message_id, Role.ASSISTANT, encode(content))
        self.transcript.append(message)
        return MessageAppended(
            message.message_id,
            message.role,
            message.content,
            usage=usage_of(self.agent, reply),
            model=reply.model,
            stop_reason=reply.stop_reason,
        )


def _cut_off(call: ToolCall) -> ToolResult:
    return ToolResult.of_text(call.tool_use_id, CUT_OFF, is_error=True)
