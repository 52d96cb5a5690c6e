"""What runners send, as plain values; whatever breaks a rule of the contract is refused here."""

import re
from collections.abc import Callable, Mapping

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import event_pb2, runner_pb2, task_pb2
from errand_common import hosts
from errand_common.errors import Invalid
from errand_common.ids import is_id
from errand_common.values import SUMMARY_BYTES, AttemptPhase, FailureReason, Role, WaitReason
from errand_common.wire import seconds, word
from errand_scheduler.lifecycle.effects import (
    BranchPushed,
    CheckFinished,
    CheckpointSaved,
    Effect,
    HostsBlocked,
    MessageAdded,
    PhaseReported,
    PrefixReplaced,
    PrefixSettled,
    SandboxOpened,
    ToolCallBegan,
    ToolCallEnded,
    UsageAdded,
    WaitBegan,
    WaitOver,
)
from errand_scheduler.lifecycle.records import RunnerEvent
from errand_scheduler.lifecycle.turns import AttemptEnd, Holder
from errand_scheduler.lifecycle.waits import Wait
from errand_scheduler.store.blobs import Blob
from errand_scheduler.store.messages import Message
from errand_scheduler.store.tasks import DiffStat
from errand_scheduler.store.tool_calls import ToolCall
from errand_scheduler.store.usage import Usage

CONTENT_BYTES = 1024 * 1024
"""The most that content holds where it is no blob: as much as runners sent before there were blobs."""
BLOB_BYTES = 32 * 1024 * 1024
"""The most that a blob holds."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SCHEDULERS_OWN = frozenset(
    (
        "task_status_changed",
        "input_added",
        "input_changed",
        "task_retried",
        "pull_request_opened",
        "pull_request_left",
        "work_finished",
        "allowance_raised",
    )
)
_NEWER = "unknown"  # the kind of an event that only a newer version knows
_OUTCOMES = (
    AttemptPhase.SUCCEEDED,
    AttemptPhase.FAILED,
    AttemptPhase.CANCELLED,
    AttemptPhase.TIMED_OUT,
    AttemptPhase.PARKED,
)


def holder(ref: runner_pb2.AttemptRef, runner_id: str) -> Holder:
    """Who writes."""
    return Holder(runner_id=runner_id, attempt_id=ref.attempt_id, fence=ref.fence)


def attempt_end(outcome: runner_pb2.AttemptOutcome) -> AttemptEnd:
    """How an attempt ended. Raises Invalid."""
    phase = word(task_pb2.AttemptPhase, outcome.phase)
    failure = word(task_pb2.FailureReason, outcome.failure_reason)
    if outcome.failure_reason and not failure:
        # Of a newer runner: that the attempt failed is not lost with why.
        failure = FailureReason.INTERNAL
    if phase not in _OUTCOMES:
        raise Invalid(f'an attempt cannot be finished as "{phase}"; use one of {", ".join(_OUTCOMES)}')
    if (phase == AttemptPhase.FAILED) != bool(failure):
        raise Invalid("failure_reason must be set with failed, and with nothing else")
    return AttemptEnd(
        phase=AttemptPhase(phase),
        failure=FailureReason(failure) if failure else None,
        reason=outcome.reason,
        last_sequence=outcome.last_sequence,
        finish=_finish(outcome) if outcome.HasField("finish") else None,
    )


def _finish(outcome: runner_pb2.AttemptOutcome) -> runner_pb2.Finish:
    if outcome.phase != task_pb2.ATTEMPT_PHASE_SUCCEEDED:
        raise Invalid("finish comes with an attempt that succeeded, and with no other")
    _check_words(outcome.finish.result, field="finish.result")
    _check_result(outcome.finish.check, field="finish.check")
    return outcome.finish


def _check_result(result: task_pb2.CheckResult, *, field: str) -> None:
    if not word(task_pb2.CheckOutcome, result.outcome):
        raise Invalid(f"{field} does not say what came of it, or this scheduler does not know it")
    _check_words(result.tail, field=f"{field}.tail")
    _check_words(result.reason, field=f"{field}.reason")


def _check_words(text: str, *, field: str) -> None:
    if len(text.encode()) > SUMMARY_BYTES:
        raise Invalid(f"{field} has {len(text.encode())} bytes; the most is {SUMMARY_BYTES}")


def sha256(digits: str) -> str:
    """The hash that names a blob. Raises Invalid."""
    if not _SHA256.fullmatch(digits):
        raise Invalid(f'"{digits[:80]}" is no SHA-256; write 64 lower-case hexadecimal digits')
    return digits


def blob(sent: task_pb2.Blob) -> Blob:
    """The name of long content. Raises Invalid."""
    if not 1 <= sent.size_bytes <= BLOB_BYTES:
        raise Invalid(f"content has {sent.size_bytes} bytes; it must have 1 to {BLOB_BYTES}")
    return Blob(sha256=sha256(sent.sha256), size_bytes=sent.size_bytes)


def events(batch: pb.AttemptBatch) -> list[RunnerEvent]:
    """The events of a batch. Raises Invalid."""
    return [_event(event) for event in batch.events]


def _event(event: runner_pb2.AttemptEvent) -> RunnerEvent:
    body = event.body
    kind = body.WhichOneof("kind") or _NEWER
    if kind in _SCHEDULERS_OWN:
        raise Invalid(f"event {event.sequence}: only the scheduler says {kind}")
    effect_of = _EFFECTS.get(kind)
    return RunnerEvent(event.sequence, kind, body.SerializeToString(), effect_of(event) if effect_of else None)


def _phase_reported(event: runner_pb2.AttemptEvent) -> Effect:
    phase = word(task_pb2.AttemptPhase, event.body.attempt_phase_changed.phase)
    if phase not in (AttemptPhase.STARTING, AttemptPhase.RUNNING, AttemptPhase.STOPPING):
        raise Invalid(f'event {event.sequence}: a runner cannot move its attempt to "{phase}"; finish it instead')
    return PhaseReported(AttemptPhase(phase))


def _message_added(event: runner_pb2.AttemptEvent) -> Effect:
    return MessageAdded(_message(event.sequence, event.message), tuple(event.body.message_appended.input_ids))


def _conversation_shortened(event: runner_pb2.AttemptEvent) -> Effect:
    return MessageAdded(_message(event.sequence, event.message))


def _reply_dropped(event: runner_pb2.AttemptEvent) -> Effect:
    return UsageAdded(_usage(event.body.reply_dropped.usage))


def _tool_call_began(event: runner_pb2.AttemptEvent) -> Effect:
    return ToolCallBegan(_tool_call(event.sequence, event.tool_call))


def _tool_call_ended(event: runner_pb2.AttemptEvent) -> Effect:
    return ToolCallEnded(_finished(event.sequence, event.tool_call))


def _prefix_settled(event: runner_pb2.AttemptEvent) -> Effect:
    return PrefixSettled(event.prefix)


def _model_changed(event: runner_pb2.AttemptEvent) -> Effect:
    if not event.prefix:
        raise Invalid(f"event {event.sequence}: model_changed comes with the beginning that holds from here on")
    return PrefixReplaced(event.prefix)


def _sandbox_opened(event: runner_pb2.AttemptEvent) -> Effect:
    return SandboxOpened(event.body.sandbox_opened.container_id)


def _sandbox_replaced(event: runner_pb2.AttemptEvent) -> Effect:
    return SandboxOpened(event.body.sandbox_replaced.container_id)


def _pushed(event: runner_pb2.AttemptEvent) -> Effect:
    pushed = event.body.branch_pushed
    stat = pushed.diff_stat
    diff_stat = DiffStat(files=stat.files, insertions=stat.insertions, deletions=stat.deletions)
    commit = _commit(event.sequence, pushed.commit)
    return BranchPushed(commit, diff_stat if pushed.HasField("diff_stat") else None)


def _saved(event: runner_pb2.AttemptEvent) -> Effect:
    return CheckpointSaved(_commit(event.sequence, event.body.checkpoint_saved.commit))


def _check_finished(event: runner_pb2.AttemptEvent) -> Effect:
    result = event.body.check_finished.result
    _check_result(result, field=f"event {event.sequence}: result")
    return CheckFinished(result.SerializeToString())


def _commit(sequence: int, name: str) -> str:
    if not _COMMIT.fullmatch(name):
        raise Invalid(f'event {sequence}: "{name[:80]}" is no commit; write its whole name in lower-case hexadecimal')
    return name


def _wait_began(event: runner_pb2.AttemptEvent) -> Effect:
    started = event.body.wait_started
    reason = word(task_pb2.WaitReason, started.reason)
    if not reason:
        raise Invalid(f"event {event.sequence}: wait_started does not say for what, or this scheduler does not know it")
    resume_in_s = seconds(started.resume_duration) if started.HasField("resume_duration") else None
    return WaitBegan(Wait(reason=WaitReason(reason), summary=started.summary, resume_in_s=resume_in_s))


def _hosts_blocked(event: runner_pb2.AttemptEvent) -> Effect:
    """Of what a runner says was blocked, that which a project could allow."""
    uses = event.body.egress_used.uses
    asked = tuple(use.host for use in uses if use.outcome == event_pb2.EGRESS_OUTCOME_BLOCKED)
    named = tuple(host for host in asked if _is_host(host))
    return HostsBlocked(named) if named else None


def _is_host(text: str) -> bool:
    try:
        return bool(hosts.parse(text))
    except ValueError:
        return False


def _wait_over(event: runner_pb2.AttemptEvent) -> Effect:
    return WaitOver()


_EFFECTS: Mapping[str, Callable[[runner_pb2.AttemptEvent], Effect]] = {
    "attempt_phase_changed": _phase_reported,
    "message_appended": _message_added,
    "conversation_shortened": _conversation_shortened,
    "reply_dropped": _reply_dropped,
    "tool_call_started": _tool_call_began,
    "tool_call_finished": _tool_call_ended,
    "prefix_frozen": _prefix_settled,
    "model_changed": _model_changed,
    "sandbox_opened": _sandbox_opened,
    "sandbox_replaced": _sandbox_replaced,
    "branch_pushed": _pushed,
    "checkpoint_saved": _saved,
    "check_finished": _check_finished,
    "egress_used": _hosts_blocked,
    "wait_started": _wait_began,
    "wait_ended": _wait_over,
}
"""The kinds that do something; every other one, a newer version's too, is only stored."""


def _message(sequence: int, message: task_pb2.Message) -> Message:
    role = word(task_pb2.Role, message.role)
    if not is_id(message.message_id, "msg") or not role:
        raise Invalid(f"event {sequence}: message_appended comes with a message that has an id and a role")
    if message.replaces_message_id and not is_id(message.replaces_message_id, "msg"):
        raise Invalid(f"event {sequence}: replaces_message_id is no message's id; name the first that is replaced")
    return Message(
        message_id=message.message_id,
        role=Role(role),
        content=_inline(sequence, message.content, beside=message.HasField("content_blob")),
        model=message.model,
        stop_reason=message.stop_reason,
        usage=_usage(message.usage) if message.HasField("usage") else None,
        content_blob=blob(message.content_blob) if message.HasField("content_blob") else None,
        replaces_message_id=message.replaces_message_id,
    )


def _tool_call(sequence: int, call: task_pb2.ToolCall) -> ToolCall:
    if not call.tool_call_id or not call.tool_name:
        raise Invalid(f"event {sequence}: a tool call's event comes with the call, its id and its tool")
    return ToolCall(
        tool_call_id=call.tool_call_id,
        tool_name=call.tool_name,
        input=_inline(sequence, call.input, beside=call.HasField("input_blob")),
        input_blob=blob(call.input_blob) if call.HasField("input_blob") else None,
    )


def _finished(sequence: int, call: task_pb2.ToolCall) -> ToolCall:
    begun = _tool_call(sequence, call)
    return ToolCall(
        tool_call_id=begun.tool_call_id,
        tool_name=begun.tool_name,
        input=begun.input,
        input_blob=begun.input_blob,
        output=_inline(sequence, call.output, beside=call.HasField("output_blob")),
        output_blob=blob(call.output_blob) if call.HasField("output_blob") else None,
        is_error=call.is_error,
        duration_us=round(seconds(call.duration) * 1e6),
    )


def _inline(sequence: int, content: bytes, *, beside: bool) -> bytes:
    """Content that came with its event. Raises Invalid where it is too much, or there is a blob beside it."""
    if len(content) > CONTENT_BYTES:
        raise Invalid(f"event {sequence}: {len(content)} bytes came with it; the most is {CONTENT_BYTES}, put a blob")
    if content and beside:
        raise Invalid(f"event {sequence}: content came with it and as a blob; send one of them")
    return content


def _usage(usage: task_pb2.Usage) -> Usage:
    return Usage(
        input_tokens=usage.input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        output_tokens=usage.output_tokens,
        cost_nanodollars=usage.cost_nanodollars if usage.HasField("cost_nanodollars") else None,
    )
