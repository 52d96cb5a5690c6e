"""Facts become events: the one place where what happens in an attempt is put into the contract's words."""

import json

from google.protobuf.message import Message as ProtoMessage

from errand.v1 import event_pb2 as pb
from errand.v1 import task_pb2
from errand.v1.runner_pb2 import AttemptEvent
from errand_common import wire
from errand_common.values import AttemptPhase, Role, summarise
from errand_runner.agent import facts
from errand_runner.events import DELTA_CHARACTERS, Deltas
from errand_runner.outbox import Log, OutboxError

EVENT_BYTES = 1024 * 1024
"""The largest event with its content (contract: Message.content)."""

_DELTA_KINDS = {"text": pb.DELTA_KIND_TEXT, "thinking": pb.DELTA_KIND_THINKING}


class Recorder:
    """Writes one attempt's facts into its log: durable ones are on disk when a method returns."""

    def __init__(self, log: Log, deltas: Deltas, *, task_id: str) -> None:
        self._log, self._deltas, self._task_id = log, deltas, task_id
        earlier = [AttemptEvent.FromString(record).body for record in log.recovered]
        self._phase = max(
            (_phase(body) for body in earlier), key=lambda phase: phase.rank, default=AttemptPhase.OFFERED
        )
        self.taken = {input_id for body in earlier for input_id in body.message_appended.input_ids}
        """The inputs that a message of this attempt carries already, stored by the scheduler or not yet."""
        self.resumed = bool(earlier)
        """Whether an earlier process of this runner began the attempt."""

    async def phase(self, phase: AttemptPhase) -> None:
        """The attempt came this far. Phases only rise, so an earlier one says nothing new."""
        if phase.rank > self._phase.rank:
            self._phase = phase
            number = wire.number(task_pb2.AttemptPhase, phase)
            await self._write(pb.EventBody(attempt_phase_changed=pb.AttemptPhaseChanged(phase=number)))

    async def step(self, step: "pb.Step.ValueType", duration_s: float) -> None:
        """A step ended well."""
        await self._write(pb.EventBody(step_finished=pb.StepFinished(step=step, duration=wire.duration(duration_s))))

    async def sandbox_opened(self, sandbox_id: str, container_id: str) -> None:
        """A container runs for the task."""
        opened = pb.SandboxOpened(sandbox_id=sandbox_id, container_id=container_id)
        await self._write(pb.EventBody(sandbox_opened=opened))

    async def git_delayed(self, reason: str, delay_s: float) -> None:
        """The git host, or GitHub's API, did not answer; the step is done again after the delay."""
        delayed = pb.GitDelayed(reason=summarise(reason), delay=wire.duration(delay_s))
        await self._write(pb.EventBody(git_delayed=delayed))

    async def branch_pushed(self, branch: str, *, commit: str, diff_stat: task_pb2.DiffStat) -> None:
        """The branch points to `commit` on the git host."""
        pushed = pb.BranchPushed(branch=branch, commit=commit, diff_stat=diff_stat)
        await self._write(pb.EventBody(branch_pushed=pushed))

    async def fact(self, fact: facts.Fact) -> None:
        """What the loop told."""
        match fact:
            case facts.TextDelta(message_id, _, kind, text):
                self._pass_by(message_id, _DELTA_KINDS[kind], text)
            case facts.OutputDelta(tool_use_id, text):
                self._pass_by(tool_use_id, pb.DELTA_KIND_OUTPUT, text)
            case facts.PrefixFrozen(prefix):
                body = pb.EventBody(prefix_frozen=pb.PrefixFrozen(model=prefix.model))
                await self._write(body, prefix=prefix.to_bytes())
            case facts.MessageAppended():
                await self._message(fact)
            case facts.ToolStarted(tool_use_id, name, input_json):
                started = pb.ToolCallStarted(
                    tool_call_id=tool_use_id, tool_name=name, summary=_input_summary(input_json)
                )
                call = task_pb2.ToolCall(tool_call_id=tool_use_id, tool_name=name, input=input_json)
                await self._write(pb.EventBody(tool_call_started=started), tool_call=call)
            case facts.ToolFinished():
                await self._tool_finished(fact)
            case facts.ModelDelayed(cause, delay_s):
                delayed = pb.ModelDelayed(reason=summarise(cause), delay=wire.duration(delay_s))
                await self._write(pb.EventBody(model_delayed=delayed))

    async def _message(self, fact: facts.MessageAppended) -> None:
        role = wire.number(task_pb2.Role, Role(fact.role))
        usage = None if fact.usage is None else _usage(fact.usage)
        appended = pb.MessageAppended(
            message_id=fact.message_id,
            role=role,
            summary=summarise(_text(fact.content)),
            usage=usage,
            input_ids=fact.input_ids,
        )
        message = task_pb2.Message(
            message_id=fact.message_id,
            role=role,
            content=fact.content,
            usage=usage,
            model=fact.model,
            stop_reason=fact.stop_reason,
        )
        await self._write(pb.EventBody(message_appended=appended), message=message)

    async def _tool_finished(self, fact: facts.ToolFinished) -> None:
        duration = wire.duration(fact.duration_s)
        finished = pb.ToolCallFinished(
            tool_call_id=fact.tool_use_id,
            tool_name=fact.name,
            summary=summarise(_text(fact.output), tail=True),
            is_error=fact.is_error,
            duration=duration,
        )
        call = task_pb2.ToolCall(
            tool_call_id=fact.tool_use_id,
            tool_name=fact.name,
            input=fact.input,
            output=fact.output,
            is_error=fact.is_error,
            duration=duration,
        )
        await self._write(pb.EventBody(tool_call_finished=finished), tool_call=call)

    async def _write(
        self,
        body: pb.EventBody,
        *,
        message: task_pb2.Message | None = None,
        tool_call: task_pb2.ToolCall | None = None,
        prefix: bytes = b"",
    ) -> None:
        event = AttemptEvent(sequence=self._log.next_sequence, body=body, message=message, tool_call=tool_call)
        if prefix:
            event.prefix = prefix
        record = event.SerializeToString()
        if len(record) > EVENT_BYTES:
            found = f"an event of {len(record)} bytes, more than the {EVENT_BYTES} that the scheduler takes"
            raise OutboxError(f"{found}; ask for less at a time and send the task on")
        await self._log.append(record)

    def _pass_by(self, subject_id: str, kind: "pb.DeltaKind.ValueType", text: str) -> None:
        for start in range(0, len(text), DELTA_CHARACTERS):
            piece = text[start : start + DELTA_CHARACTERS]
            self._deltas.add(pb.Delta(task_id=self._task_id, subject_id=subject_id, kind=kind, text=piece))


def _phase(body: ProtoMessage) -> AttemptPhase:
    assert isinstance(body, pb.EventBody)
    return AttemptPhase(wire.word(task_pb2.AttemptPhase, body.attempt_phase_changed.phase) or "offered")


def _usage(usage: facts.Usage) -> task_pb2.Usage:
    return task_pb2.Usage(
        input_tokens=usage.input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        output_tokens=usage.output_tokens,
        cost_nanodollars=usage.cost_nanodollars,
    )


def _text(content: bytes) -> str:
    """The words of a JSON string or of a list of content blocks."""
    value = json.loads(content)
    if isinstance(value, str):
        return value
    return "\n".join(block["text"] for block in value if block.get("type") == "text")


def _input_summary(input_json: bytes) -> str:
    """What a person wants to see of a tool's input: the command, else the path, else all of it."""
    value = json.loads(input_json)
    for key in ("command", "path"):
        if isinstance(value, dict) and isinstance(value.get(key), str):
            return summarise(value[key])
    return summarise(input_json.decode(errors="replace"))
