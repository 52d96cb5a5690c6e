"""What runners send, as plain values; whatever breaks a rule of the contract is refused here."""

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import event_pb2, runner_pb2, task_pb2
from errand_common.errors import Invalid
from errand_common.ids import is_id
from errand_common.values import AttemptPhase, FailureReason, Role
from errand_common.wire import seconds, word
from errand_scheduler.facts import fact_of
from errand_scheduler.lifecycle.records import (
    BranchPushed,
    Effect,
    MessageAdded,
    PhaseReported,
    PrefixSettled,
    RunnerEvent,
    SandboxOpened,
    ToolCallBegan,
    ToolCallEnded,
)
from errand_scheduler.lifecycle.turns import AttemptEnd, Holder
from errand_scheduler.store.messages import Message
from errand_scheduler.store.tasks import DiffStat
from errand_scheduler.store.tool_calls import ToolCall
from errand_scheduler.store.usage import Usage

CONTENT_BYTES = 1024 * 1024
"""The most that a message's content holds."""
_SCHEDULERS_OWN = ("task_status_changed", "input_added")
_OUTCOMES = (AttemptPhase.SUCCEEDED, AttemptPhase.FAILED, AttemptPhase.CANCELLED, AttemptPhase.TIMED_OUT)


def holder(ref: runner_pb2.AttemptRef, runner_id: str) -> Holder:
    """Who writes."""
    return Holder(runner_id=runner_id, attempt_id=ref.attempt_id, fence=ref.fence)


def attempt_end(outcome: runner_pb2.AttemptOutcome) -> AttemptEnd:
    """How an attempt ended. Raises Invalid."""
    phase = word(task_pb2.AttemptPhase, outcome.phase)
    failure = word(task_pb2.FailureReason, outcome.failure_reason)
    if phase not in _OUTCOMES:
        raise Invalid(f'an attempt cannot be finished as "{phase}"; use one of {", ".join(_OUTCOMES)}')
    if (phase == AttemptPhase.FAILED) != bool(failure):
        raise Invalid("failure_reason must be set with failed, and with nothing else")
    return AttemptEnd(
        phase=AttemptPhase(phase),
        failure=FailureReason(failure) if failure else None,
        reason=outcome.reason,
        last_sequence=outcome.last_sequence,
    )


def events(batch: pb.AttemptBatch) -> list[RunnerEvent]:
    """The events of a batch. Raises Invalid."""
    return [_event(event) for event in batch.events]


def _event(event: runner_pb2.AttemptEvent) -> RunnerEvent:
    kind = event.body.WhichOneof("kind")
    if kind in _SCHEDULERS_OWN:
        raise Invalid(f"event {event.sequence}: only the scheduler says {kind}")
    return RunnerEvent(sequence=event.sequence, fact=fact_of(event.body), effect=_effect(event, kind))


def _effect(event: runner_pb2.AttemptEvent, kind: str | None) -> Effect:
    body = event.body
    match kind:
        case "attempt_phase_changed":
            return PhaseReported(_phase(event.sequence, body.attempt_phase_changed))
        case "message_appended":
            return MessageAdded(_message(event.sequence, event.message), tuple(body.message_appended.input_ids))
        case "tool_call_started":
            return ToolCallBegan(_tool_call(event.sequence, event.tool_call))
        case "tool_call_finished":
            return ToolCallEnded(_finished(_tool_call(event.sequence, event.tool_call), event.tool_call))
        case "prefix_frozen":
            return PrefixSettled(event.prefix)
        case "sandbox_opened":
            return SandboxOpened(body.sandbox_opened.container_id)
        case "branch_pushed":
            return _pushed(body.branch_pushed)
    return None


def _phase(sequence: int, change: event_pb2.AttemptPhaseChanged) -> AttemptPhase:
    phase = word(task_pb2.AttemptPhase, change.phase)
    if phase not in (AttemptPhase.STARTING, AttemptPhase.RUNNING, AttemptPhase.STOPPING):
        raise Invalid(f'event {sequence}: a runner cannot move its attempt to "{phase}"; finish it instead')
    return AttemptPhase(phase)


def _message(sequence: int, message: task_pb2.Message) -> Message:
    role = word(task_pb2.Role, message.role)
    if not is_id(message.message_id, "msg") or not role:
        raise Invalid(f"event {sequence}: message_appended comes with a message that has an id and a role")
    if len(message.content) > CONTENT_BYTES:
        raise Invalid(f"event {sequence}: the message has {len(message.content)} bytes; the most is {CONTENT_BYTES}")
    return Message(
        message_id=message.message_id,
        role=Role(role),
        content=message.content,
        model=message.model,
        stop_reason=message.stop_reason,
        usage=_usage(message.usage) if message.HasField("usage") else None,
    )


def _tool_call(sequence: int, call: task_pb2.ToolCall) -> ToolCall:
    if not call.tool_call_id or not call.tool_name:
        raise Invalid(f"event {sequence}: a tool call's event comes with the call, its id and its tool")
    return ToolCall(tool_call_id=call.tool_call_id, tool_name=call.tool_name, input=call.input)


def _finished(call: ToolCall, sent: task_pb2.ToolCall) -> ToolCall:
    return ToolCall(
        tool_call_id=call.tool_call_id,
        tool_name=call.tool_name,
        input=call.input,
        output=sent.output,
        is_error=sent.is_error,
        duration_us=round(seconds(sent.duration) * 1e6),
    )


def _usage(usage: task_pb2.Usage) -> Usage:
    return Usage(
        input_tokens=usage.input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        output_tokens=usage.output_tokens,
        cost_nanodollars=usage.cost_nanodollars if usage.HasField("cost_nanodollars") else None,
    )


def _pushed(pushed: event_pb2.BranchPushed) -> Effect:
    if not pushed.HasField("diff_stat"):
        return None
    stat = pushed.diff_stat
    return BranchPushed(DiffStat(files=stat.files, insertions=stat.insertions, deletions=stat.deletions))
