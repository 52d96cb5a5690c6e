"""One turn with Claude, as an attempt sees it: take up the transcript, say what the person wrote, record every fact."""

from collections.abc import Sequence, Set
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import event_pb2, runner_pb2, task_pb2
from errand_common import wire
from errand_common.clock import Clock
from errand_common.values import Role
from errand_runner.agent.facts import MessageAppended, TextDelta, TurnEnded
from errand_runner.agent.loop import Agent, run_turn
from errand_runner.agent.model import Model
from errand_runner.agent.prompt import Particulars, first_message, follow_up, settle_prefix
from errand_runner.agent.redact import Redactor
from errand_runner.agent.transcript import Block, CallRecord, Message, Prefix, ToolResult, Transcript
from errand_runner.record import Recorder
from errand_runner.workspace import REPOSITORY


@dataclass(frozen=True)
class Said:
    """What a person wrote that no message carries yet: the blocks for Claude, and the inputs that they come from."""

    blocks: Sequence[Block]
    input_ids: Sequence[str]


async def restore(stored: Sequence[pb.GetTranscriptResponse], *, model: Model, model_id: str) -> Transcript:
    """The task's transcript: from the scheduler's record, or a new one whose prefix suits what the model can."""
    prefix = next((item.prefix for item in stored if item.HasField("prefix")), None)
    if prefix is None:
        return Transcript(await settle_prefix(model, model_id))
    messages = [_message(item.message) for item in stored if item.HasField("message")]
    calls = [_call(item.tool_call) for item in stored if item.HasField("tool_call")]
    return Transcript.restore(Prefix.from_bytes(prefix), messages, calls)


def what_was_said(
    assignment: runner_pb2.Assignment,
    transcript: Transcript,
    *,
    taken: Set[str],
    guides: dict[str, str],
    day: date,
    redactor: Redactor,
) -> Said:
    """The inputs that no message carries yet, as blocks; a task's first comes with what Claude should know."""
    blocks: list[Block] = []
    inputs = [given for given in assignment.inputs if given.input_id not in taken]
    for given in inputs:
        if transcript.messages or blocks:
            blocks.extend(follow_up(given.text, redactor))
        else:
            about = Particulars(
                project=assignment.project.repository,
                branch=assignment.task.branch,
                base_branch=assignment.project.default_branch,
                workspace=REPOSITORY,
                day=day,
                guides=guides,
            )
            blocks.extend(first_message(given.text, about, redactor))
    return Said(blocks, [given.input_id for given in inputs])


async def talk(agent: Agent, transcript: Transcript, said: Said, *, recorder: Recorder, clock: Clock) -> TurnEnded:
    """Run the turn to its end. Each fact is on disk before the loop goes on. Raises SandboxGone and OutboxError."""
    asked_s: float | None = clock.boot_s()
    input_ids = said.input_ids
    async with aclosing(run_turn(agent, transcript, said.blocks)) as facts:
        async for fact in facts:
            if asked_s is not None and isinstance(fact, TextDelta):
                await recorder.step(event_pb2.STEP_FIRST_WORD, clock.boot_s() - asked_s)
                asked_s = None
            if isinstance(fact, TurnEnded):
                return fact
            await recorder.fact(fact, input_ids=input_ids)
            if isinstance(fact, MessageAppended) and fact.role == Role.USER:
                input_ids = ()
    raise AssertionError("a turn ends with TurnEnded")


def _message(stored: task_pb2.Message) -> Message:
    return Message(stored.message_id, Role(wire.word(task_pb2.Role, stored.role)), stored.content)


def _call(stored: task_pb2.ToolCall) -> CallRecord:
    if not stored.output:
        return CallRecord(stored.tool_call_id, None)
    return CallRecord(stored.tool_call_id, ToolResult(stored.tool_call_id, stored.output, stored.is_error))
