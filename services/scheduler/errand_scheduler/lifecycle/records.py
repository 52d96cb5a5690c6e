"""What happened in an attempt, as its runner tells it: stored once, in order, with all that follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass

from errand_common.errors import Conflict, Invalid
from errand_common.values import AttemptPhase
from errand_scheduler import facts
from errand_scheduler.facts import Fact
from errand_scheduler.lifecycle.decisions import follows
from errand_scheduler.lifecycle.moves import follow_attempt, tell
from errand_scheduler.lifecycle.turns import Holder, load, superseded
from errand_scheduler.store import attempts, events, inputs, messages, tasks, tool_calls
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.events import NewEvent
from errand_scheduler.store.messages import Message
from errand_scheduler.store.notices import InputsMoved
from errand_scheduler.store.tasks import DiffStat
from errand_scheduler.store.tool_calls import ToolCall
from errand_scheduler.store.transaction import Tx


@dataclass(frozen=True)
class PhaseReported:
    """The attempt came further."""

    phase: AttemptPhase


@dataclass(frozen=True)
class MessageAdded:
    """The transcript grew; the message carries these inputs to the model."""

    message: Message
    input_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class ToolCallBegan:
    """A tool runs."""

    call: ToolCall


@dataclass(frozen=True)
class ToolCallEnded:
    """A tool ended."""

    call: ToolCall


@dataclass(frozen=True)
class PrefixSettled:
    """The conversation's beginning is fixed."""

    prefix: bytes


@dataclass(frozen=True)
class SandboxOpened:
    """A container is up."""

    container_id: str


@dataclass(frozen=True)
class BranchPushed:
    """The branch is at GitHub."""

    diff_stat: DiffStat


Effect = (
    PhaseReported | MessageAdded | ToolCallBegan | ToolCallEnded | PrefixSettled | SandboxOpened | BranchPushed | None
)


@dataclass(frozen=True)
class RunnerEvent:
    """One event of an attempt: the fact as it came, and what it does beside being told."""

    sequence: int
    fact: Fact
    effect: Effect


def store_events(tx: Tx, holder: Holder, batch: Sequence[RunnerEvent]) -> int:
    """Store what is new of a batch; returns up to which sequence everything is stored, also when all of it was.

    Raises Conflict: LEASE_SUPERSEDED when the attempt is over or not the holder's, EVENT_GAP when events are missing
    before or within the batch, WRONG_STATE before it is accepted.
    """
    attempt = load(tx, holder)
    acked = attempt.acked_sequence
    new = [event for event in batch if event.sequence > acked]
    if not new:
        return acked
    if attempt.phase.final:
        raise superseded(holder)
    if attempt.phase is AttemptPhase.OFFERED:
        raise Conflict(f"attempt {holder.attempt_id} is only offered; accept it before sending events")
    for expected, event in enumerate(new, start=acked + 1):
        if event.sequence != expected:
            raise _gap(holder, acked)
        attempt = _store(tx, attempt, event)
    attempts.set_acked(tx, holder.attempt_id, new[-1].sequence)
    return new[-1].sequence


def note_pull_request(tx: Tx, holder: Holder, *, url: str, number: int) -> None:
    """Store the task's pull request; again changes nothing. Raises Conflict LEASE_SUPERSEDED."""
    attempt = load(tx, holder)
    task = tx.one(tasks.by_id(attempt.task_id))
    assert task is not None  # foreign key
    if task.pull_request_url == url:
        return
    tasks.set_pull_request(tx, task.task_id, url)
    tell(tx, task, facts.pull_request_opened(url, number), attempt_id=attempt.attempt_id)


def _gap(holder: Holder, acked: int) -> Conflict:
    return Conflict(
        f"attempt {holder.attempt_id}: events after {acked} are missing; send again from {acked + 1}",
        reason="EVENT_GAP",
    )


def _store(tx: Tx, attempt: Attempt, event: RunnerEvent) -> Attempt:
    """Returns the attempt as the event leaves it."""
    event_id = events.append(
        tx,
        NewEvent(
            task_id=attempt.task_id,
            user_id=attempt.user_id,
            attempt_id=attempt.attempt_id,
            attempt_sequence=event.sequence,
            kind=event.fact.kind,
            body=event.fact.body,
        ),
    )
    match event.effect:
        case PhaseReported(phase) if follows(attempt.phase, phase):
            return follow_attempt(tx, attempt, phase, within_s=None)
        case MessageAdded(message, input_ids):
            _store_message(tx, attempt, message, event_id)
            _take(tx, attempt, message, input_ids)
        case ToolCallBegan(call):
            tool_calls.start(tx, call, task_id=attempt.task_id, attempt_id=attempt.attempt_id, event_id=event_id)
        case ToolCallEnded(call):
            tool_calls.start(tx, call, task_id=attempt.task_id, attempt_id=attempt.attempt_id, event_id=event_id)
            tool_calls.finish(tx, call, task_id=attempt.task_id)
        case PrefixSettled(prefix):
            tasks.settle_prefix(tx, attempt.task_id, prefix)
        case SandboxOpened(container_id):
            tasks.set_container(tx, attempt.task_id, container_id)
        case BranchPushed(diff_stat):
            tasks.set_diff_stat(tx, attempt.task_id, diff_stat)
    return attempt


def _store_message(tx: Tx, attempt: Attempt, message: Message, event_id: int) -> None:
    if tx.one(messages.exists(message.message_id)):
        raise Invalid(f"message {message.message_id} is stored already under another event; make a new id for each")
    messages.insert(tx, message, task_id=attempt.task_id, attempt_id=attempt.attempt_id, event_id=event_id)
    if message.usage is not None:
        tasks.add_usage(tx, attempt.task_id, message.usage)


def _take(tx: Tx, attempt: Attempt, message: Message, input_ids: Sequence[str]) -> None:
    if input_ids:
        inputs.take(tx, task_id=attempt.task_id, input_ids=input_ids, message_id=message.message_id)
        tx.notice(InputsMoved(runner_id=attempt.runner_id))
