"""An attempt's conversation with Claude: take up the transcript, say what the person wrote, record every fact."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import task_pb2
from errand_common import wire
from errand_common.clock import Clock
from errand_common.values import Role
from errand_runner.agent.agent import Agent
from errand_runner.agent.allowance import Amounts
from errand_runner.agent.blocks import Block
from errand_runner.agent.choice import Choice, settle_prefix
from errand_runner.agent.facts import EndReason, TurnEnded
from errand_runner.agent.model import Model
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.prompt import Particulars, first_message, follow_up, steer
from errand_runner.agent.redact import Redactor
from errand_runner.agent.said import Answer, Said
from errand_runner.agent.transcript import CallRecord, Message, ToolResult, Transcript
from errand_runner.agent.waits import question_in
from errand_runner.inputs import Inbox
from errand_runner.record import Recorder
from errand_runner.telling import Telling


async def restore(stored: Sequence[pb.GetTranscriptResponse], *, model: Model, choice: Choice) -> Transcript:
    """The task's transcript: from the scheduler's record, or a new one for the model of choice. Raises NoSuchModel."""
    prefix = next((item.prefix for item in stored if item.HasField("prefix")), None)
    if prefix is None:
        return Transcript(await settle_prefix(model, choice))
    messages = [_message(item.message) for item in stored if item.HasField("message")]
    calls = [_call(item.tool_call) for item in stored if item.HasField("tool_call")]
    transcript = Transcript.restore(Prefix.from_bytes(prefix), messages, calls)
    transcript.used_tokens = next(
        (_used(item.message) for item in reversed(stored) if item.message.HasField("usage")), 0
    )
    return transcript


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """What people wrote, in the form in which Claude is told it; each input once."""

    inbox: Inbox
    transcript: Transcript
    about: Particulars
    redactor: Redactor
    answer_s: float = 120.0
    """How long the sandbox is kept for an answer."""
    notes: Sequence[str] = ()
    """What became of the working folder since Claude last saw it."""

    def everything(self) -> Said:
        """All that waits, as a turn's beginning; a task's first comes with what Claude should know."""
        inputs = self.inbox.take()
        blocks: list[Block] = []
        for given in inputs:
            if self.transcript.messages or blocks:
                blocks.extend(follow_up(given.text, self.redactor))
            else:
                blocks.extend(first_message(given.text, self.about, self.redactor))
        return Said(blocks, _ids(inputs))

    def with_notes(self, said: Said) -> Said:
        """What begins a conversation anew, with the notes before it; where nothing goes on, they have to wait."""
        last = self.transcript.last
        if last is None or (last.role is Role.ASSISTANT and not (last.calls or said.blocks)):
            return said
        notes = [block for note in self.notes for block in follow_up(note, self.redactor)]
        return replace(said, blocks=[*notes, *said.blocks])

    def steers(self) -> Said:
        """What is meant for the turn that runs."""
        inputs = self.inbox.take_steers()
        return Said([block for given in inputs for block in steer(given.text, self.redactor)], _ids(inputs))

    def answer(self) -> Answer | None:
        """What answers the first question that an earlier process or attempt left open; None where nothing does."""
        questions = self._questions()
        if not questions:
            return None
        self.asks(questions[0])
        given = self.inbox.take_answer()
        if given is None:
            return None
        if self.unanswered[:1] not in ([], questions[:1]):
            # What came after the next one is its answer, and nothing to begin a turn with.
            self.asks(self.unanswered[0])
        return self._answer(given)

    def asks(self, tool_use_id: str) -> None:
        """From here on what people write answers this question, be it asked now or by an earlier process."""
        record = self.transcript.record(tool_use_id)
        if record is None:
            self.inbox.begin_question()
        else:
            self.inbox.go_on_with_question(asked_us=record.stored_us or 0)

    @property
    def unanswered(self) -> list[str]:
        """The calls that asked the person something of which no answer is on record."""
        records = map(self.transcript.record, self._questions())
        return [record.tool_use_id for record in records if record is not None and record.result is None]

    def _questions(self) -> list[str]:
        ids = [call.tool_use_id for call in self.transcript.open_calls if question_in(call)]
        return [tool_use_id for tool_use_id in ids if self.transcript.record(tool_use_id) is not None]

    async def answered(self) -> Answer | None:
        """The answer to a question, if it comes in time."""
        try:
            async with asyncio.timeout(self.answer_s):
                return self._answer(await self.inbox.next_answer())
        except TimeoutError:
            return None

    async def raised(self, limits: Amounts, now: Callable[[], Amounts]) -> bool:
        """Whether, in time, the person changes what the task may spend from these limits to others."""
        try:
            async with asyncio.timeout(self.answer_s):
                while now() == limits:
                    await self.inbox.told()
            return True
        except TimeoutError:
            return False

    def _answer(self, given: task_pb2.Input) -> Answer:
        return Answer(self.redactor.text(given.text), given.input_id)


async def talk(
    agent: Agent,
    transcript: Transcript,
    hearing: Hearing,
    *,
    recorder: Recorder,
    clock: Clock,
    turned: Callable[[], None] = lambda: None,
    note: str = "",
) -> TurnEnded:
    """Run turns until nothing more was written, or one fails or parks. Each fact is on disk before the loop goes on.

    `turned` is called between two turns. `note` is the runner's own word to a Claude that was done: with it the first
    turn begins. Raises SandboxGone and OutboxError.
    """
    hearing.inbox.drop(recorder.taken)
    # Where messages of this attempt carry inputs already, its turn was interrupted: the queue is for after it.
    if recorder.waiting and not hearing.unanswered:
        # An earlier process waited for more of the model, and did not come to give the attempt back.
        await recorder.wait_ended()
    said, told = _first(hearing, recorder, note), Telling(recorder, clock, first=not note)
    while True:
        ended = await told.turn(agent, transcript, said)
        if ended.reason is not EndReason.COMPLETED:
            return ended
        said = hearing.everything()
        if not said.blocks:
            return ended
        turned()


def _first(hearing: Hearing, recorder: Recorder, note: str) -> Said:
    if note:
        said = hearing.everything()
        return replace(said, blocks=[*follow_up(note, hearing.redactor), *said.blocks])
    answer = hearing.answer()
    return hearing.with_notes(replace(hearing.steers() if recorder.taken else hearing.everything(), answer=answer))


def _ids(inputs: Iterable[task_pb2.Input]) -> tuple[str, ...]:
    return tuple(given.input_id for given in inputs)


def _message(stored: task_pb2.Message) -> Message:
    return Message(
        stored.message_id, Role(wire.word(task_pb2.Role, stored.role)), stored.content, stored.replaces_message_id
    )


def _used(stored: task_pb2.Message) -> int:
    """The tokens that a reply left in the conversation; what made a summary is no longer in it."""
    if stored.replaces_message_id:
        return 0
    usage = stored.usage
    return usage.input_tokens + usage.cache_write_tokens + usage.cache_read_tokens + usage.output_tokens


def _call(stored: task_pb2.ToolCall) -> CallRecord:
    result = ToolResult(stored.tool_call_id, stored.output, stored.is_error) if stored.output else None
    stored_us = stored.created_time.ToMicroseconds() if stored.HasField("created_time") else None
    return CallRecord(stored.tool_call_id, result, stored_us)
