"""What runners send, as plain values; whatever breaks a rule of the contract is refused here."""

import re
from collections.abc import Callable, Mapping

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import event_pb2, runner_pb2, task_pb2
from errand_common import hosts
from errand_common.errors import Invalid
from errand_common.values import AttemptPhase, WaitReason
from errand_common.wire import seconds, word
from errand_scheduler.edges.contents import finished_call, message, tool_call, usage
from errand_scheduler.edges.outcomes import check_result
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
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.lifecycle.waits import Wait
from errand_scheduler.store.tasks import DiffStat

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


def holder(ref: runner_pb2.AttemptRef, runner_id: str) -> Holder:
    """Who writes."""
    return Holder(runner_id=runner_id, attempt_id=ref.attempt_id, fence=ref.fence)


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
    """A phase that only a newer runner knows is stored, and moves nothing."""
    sent = event.body.attempt_phase_changed.phase
    phase = word(task_pb2.AttemptPhase, sent)
    if sent and not phase:
        return None
    if phase not in (AttemptPhase.STARTING, AttemptPhase.RUNNING, AttemptPhase.STOPPING):
        raise Invalid(f'event {event.sequence}: a runner cannot move its attempt to "{phase}"; finish it instead')
    return PhaseReported(AttemptPhase(phase))


def _message_added(event: runner_pb2.AttemptEvent) -> Effect:
    return MessageAdded(message(event.sequence, event.message), tuple(event.body.message_appended.input_ids))


def _conversation_shortened(event: runner_pb2.AttemptEvent) -> Effect:
    return MessageAdded(message(event.sequence, event.message))


def _reply_dropped(event: runner_pb2.AttemptEvent) -> Effect:
    return UsageAdded(usage(event.body.reply_dropped.usage))


def _tool_call_began(event: runner_pb2.AttemptEvent) -> Effect:
    return ToolCallBegan(tool_call(event.sequence, event.tool_call))


def _tool_call_ended(event: runner_pb2.AttemptEvent) -> Effect:
    return ToolCallEnded(finished_call(event.sequence, event.tool_call))


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
    result = check_result(event.body.check_finished.result, field=f"event {event.sequence}: result")
    return CheckFinished(result.SerializeToString())


def _commit(sequence: int, name: str) -> str:
    if not _COMMIT.fullmatch(name):
        raise Invalid(f'event {sequence}: "{name[:80]}" is no commit; write its whole name in lower-case hexadecimal')
    return name


def _wait_began(event: runner_pb2.AttemptEvent) -> Effect:
    started = event.body.wait_started
    if not started.reason:
        raise Invalid(f"event {event.sequence}: wait_started does not say for what")
    resume_in_s = seconds(started.resume_duration) if started.HasField("resume_duration") else None
    # What only a newer runner knows ends as it says: by itself, or by whatever a person says.
    otherwise = WaitReason.QUESTION if resume_in_s is None else WaitReason.QUOTA
    reason = WaitReason(word(task_pb2.WaitReason, started.reason) or otherwise)
    return WaitBegan(Wait(reason=reason, summary=started.summary, resume_in_s=resume_in_s))


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
