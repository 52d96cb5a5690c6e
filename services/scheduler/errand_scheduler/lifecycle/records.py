"""What happened in an attempt, as its runner tells it: stored once, in order, with all that follows from it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from errand_common.errors import Conflict, Invalid
from errand_common.values import AttemptPhase
from errand_scheduler import facts
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle import spending
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
from errand_scheduler.lifecycle.moves import tell
from errand_scheduler.lifecycle.replacing import check_replaced
from errand_scheduler.lifecycle.turns import Holder, advance, load, superseded
from errand_scheduler.lifecycle.waits import begin_wait, end_wait
from errand_scheduler.store import attempts, blobs, events, inputs, judgements, messages, progress, tasks, tool_calls
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.blobs import Blob
from errand_scheduler.store.notices import EventsDiffer, InputsMoved
from errand_scheduler.store.tool_calls import ToolCall
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.usage import total

MOST_BLOCKED = 20
"""Hosts that are noted at a task as blocked; its events tell of more."""


class RunnerEvent(NamedTuple):
    """One event of an attempt: the fact as it came, and what it does beside being told."""

    sequence: int
    kind: str
    body: bytes
    effect: Effect = None


def store_events(tx: Tx, holder: Holder, batch: Sequence[RunnerEvent], durations: Durations) -> int:
    """Store what is new of a batch; returns up to which sequence everything is stored, also when all of it was.

    Raises Conflict: LEASE_SUPERSEDED when the attempt is over or not the holder's, EVENT_GAP when events are missing
    before or within the batch, BLOB_MISSING when content that one refers to is, WRONG_STATE before it is accepted.
    """
    attempt = load(tx, holder)
    acked = attempt.acked_sequence
    new = [event for event in batch if event.sequence > acked]
    if len(new) < len(batch):
        _compare(tx, attempt, [event for event in batch if event.sequence <= acked])
    if not new:
        return acked
    if attempt.phase.final:
        raise superseded(holder)
    if attempt.phase is AttemptPhase.OFFERED:
        raise Conflict(f"attempt {holder.attempt_id} is only offered; accept it before sending events")
    last = acked + len(new)
    if [event.sequence for event in new] != list(range(acked + 1, last + 1)):
        raise _gap(holder, acked)
    _check_blobs(tx, new)
    moved = attempt
    for part in _parts(new):
        moved = _store(tx, moved, part, durations)
    if moved.phase is attempt.phase:
        attempts.set_acked(tx, attempt.attempt_id, last)
    else:
        attempts.set_phase(tx, moved._replace(acked_sequence=last))
    return last


def note_push_limits(tx: Tx, attempt: Attempt, *, summary: str) -> None:
    """Tell, once in a task, what the credential that it is lent may not push."""
    task = tx.one(tasks.by_id(attempt.task_id))
    assert task is not None  # foreign key
    if not events.any_of_kind(tx, task.task_id, "push_limited"):
        tell(tx, task, facts.push_limited(summary), attempt_id=attempt.attempt_id)


def _gap(holder: Holder, acked: int) -> Conflict:
    return Conflict(
        f"attempt {holder.attempt_id}: events after {acked} are missing; send again from {acked + 1}",
        reason="EVENT_GAP",
    )


def _compare(tx: Tx, attempt: Attempt, again: Sequence[RunnerEvent]) -> None:
    """Have it told where an event that is stored comes again as another one: what was stored first stays."""
    stored = dict(tx.all(events.bodies_of_attempt(attempt.attempt_id, [event.sequence for event in again])))
    differing = [event.sequence for event in again if stored.get(event.sequence) != event.body]
    if differing:
        tx.notice(EventsDiffer(attempt_id=attempt.attempt_id, first_sequence=differing[0], count=len(differing)))


def _check_blobs(tx: Tx, new: Sequence[RunnerEvent]) -> None:
    named = [blob for event in new if event.effect for blob in _blobs_of(event.effect) if blob is not None]
    if not named:
        return
    sizes = {blob.sha256: blob.size_bytes for blob in tx.all(blobs.stored([blob.sha256 for blob in named]))}
    for blob in named:
        if blob.sha256 not in sizes:
            raise Conflict(f"content {blob.sha256} is not stored; put it, then send again", reason="BLOB_MISSING")
        if sizes[blob.sha256] != blob.size_bytes:
            raise Invalid(f"content {blob.sha256} has {sizes[blob.sha256]} bytes, not {blob.size_bytes}")


def _blobs_of(effect: Effect) -> tuple[Blob | None, ...]:
    match effect:
        case MessageAdded(message):
            return (message.content_blob,)
        case ToolCallBegan(call) | ToolCallEnded(call):
            return (call.input_blob, call.output_blob)
    return ()


def _parts(new: Sequence[RunnerEvent]) -> Iterator[Sequence[RunnerEvent]]:
    """Cut behind every event that the scheduler answers with one of its own, which is to stand right after it."""
    begin = 0
    for end, event in enumerate(new, start=1):
        if end == len(new) or isinstance(event.effect, WaitBegan | WaitOver):
            yield new[begin:end]
            begin = end


def _store(tx: Tx, attempt: Attempt, told: Sequence[RunnerEvent], durations: Durations) -> Attempt:
    """Returns the attempt as the events leave it."""
    first = events.append_all(tx, attempt, told)
    effects = [(first + place, event.effect) for place, event in enumerate(told) if event.effect is not None]
    _add_messages(tx, attempt, [(event_id, each) for event_id, each in effects if isinstance(each, MessageAdded)])
    _run_tools(
        tx, attempt, [(event_id, each) for event_id, each in effects if isinstance(each, ToolCallBegan | ToolCallEnded)]
    )
    for _, effect in effects:
        attempt = _follow(tx, attempt, effect, durations)
    return attempt


def _add_messages(tx: Tx, attempt: Attempt, added: Sequence[tuple[int, MessageAdded]]) -> None:
    if not added:
        return
    ids = [each.message.message_id for _, each in added]
    taken = tx.all(messages.taken_ids(ids)) or [each for place, each in enumerate(ids) if each in ids[:place]]
    if taken:
        raise Invalid(f"message {taken[0]} is stored already under another event; make a new id for each")
    check_replaced(tx, attempt.task_id, [each.message for _, each in added])
    messages.insert_all(tx, attempt, [(event_id, each.message) for event_id, each in added])
    if used := [each.message.usage for _, each in added if each.message.usage is not None]:
        progress.add_usage(tx, attempt.task_id, total(used), requests=len(used))
        spending.count(tx, attempt, total(used))
    _take_inputs(tx, attempt, [each for _, each in added if each.input_ids])
    if tx.one(tasks.waits(attempt.task_id)):
        # Its runner restarted, say, and goes on without a word about the wait that it was in.
        end_wait(tx, attempt)


def _take_inputs(tx: Tx, attempt: Attempt, carrying: Sequence[MessageAdded]) -> None:
    if not carrying:
        return
    for each in carrying:
        inputs.take(tx, task_id=attempt.task_id, input_ids=each.input_ids, message_id=each.message.message_id)
    tx.notice(InputsMoved(runner_id=attempt.runner_id, attempt_id=attempt.attempt_id))


def _run_tools(tx: Tx, attempt: Attempt, ran: Sequence[tuple[int, ToolCallBegan | ToolCallEnded]]) -> None:
    if not ran:
        return
    # An end is a beginning too: it may be all that is told of a call.
    first: dict[str, tuple[int, ToolCall]] = {}
    for event_id, each in ran:
        first.setdefault(each.call.tool_call_id, (event_id, each.call))
    tool_calls.start_all(tx, attempt, list(first.values()))
    tool_calls.finish_all(tx, attempt, [each.call for _, each in ran if isinstance(each, ToolCallEnded)])


def _follow(tx: Tx, attempt: Attempt, effect: Effect, durations: Durations) -> Attempt:
    match effect:
        case PhaseReported(phase):
            return advance(tx, attempt, phase, durations)
        case UsageAdded(usage):
            progress.add_usage(tx, attempt.task_id, usage)
            spending.count(tx, attempt, usage)
        case PrefixSettled(prefix):
            progress.settle_prefix(tx, attempt.task_id, prefix)
        case PrefixReplaced(prefix):
            progress.replace_prefix(tx, attempt.task_id, prefix)
        case SandboxOpened(container_id):
            progress.set_container(tx, attempt.task_id, container_id)
        case BranchPushed(commit, diff_stat):
            progress.set_head(tx, attempt.task_id, commit)
            if diff_stat is not None:
                progress.set_diff_stat(tx, attempt.task_id, diff_stat)
        case CheckpointSaved(commit):
            progress.set_checkpoint(tx, attempt.task_id, commit)
        case CheckFinished(result):
            judgements.set_check(tx, attempt.task_id, result)
        case HostsBlocked(hosts):
            _note_blocked(tx, attempt.task_id, hosts)
        case WaitBegan(wait):
            begin_wait(tx, attempt, wait, durations)
        case WaitOver():
            end_wait(tx, attempt)
    return attempt


def _note_blocked(tx: Tx, task_id: str, hosts: Sequence[str]) -> None:
    known = tx.one(progress.blocked_hosts(task_id))
    assert known is not None  # foreign key
    if fresh := [host for host in dict.fromkeys(hosts) if host not in known][: MOST_BLOCKED - len(known)]:
        progress.set_blocked_hosts(tx, task_id, [*known, *fresh])
