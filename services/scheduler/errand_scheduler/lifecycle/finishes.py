"""The card of what an attempt's work came to: what its runner found, and what the scheduler knows."""

from errand.v1 import runner_pb2, task_pb2
from errand_common.wire import duration
from errand_scheduler import facts, wire
from errand_scheduler.lifecycle.moves import tell
from errand_scheduler.store import judgements
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.judgements import Span
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx


def note_finish(tx: Tx, task: Task, attempt: Attempt, found: runner_pb2.Finish) -> None:
    """Store the card of an attempt that succeeded, as a fact before its end and with the task as it stands."""
    span = tx.one(judgements.span(task.task_id, now_us=tx.now_us))
    assert span is not None  # always one row
    card = _card(task, found, span)
    judgements.set_card(tx, task.task_id, card.SerializeToString())
    tell(tx, task, facts.work_finished(card), attempt_id=attempt.attempt_id)


def _card(task: Task, found: runner_pb2.Finish, span: Span) -> task_pb2.FinishCard:
    return task_pb2.FinishCard(
        result=found.result,
        message_id=found.message_id,
        branch=task.branch,
        commit=found.commit,
        diff_stat=wire.diff_stat(task.diff_stat),
        pull_request_url=task.pull_request_url,
        check=found.check,
        usage=wire.usage(task.usage),
        wall_duration=duration(span.wall_us / 1e6),
        work_duration=duration(span.work_us / 1e6),
        blocked_hosts=task.blocked_hosts,
    )
