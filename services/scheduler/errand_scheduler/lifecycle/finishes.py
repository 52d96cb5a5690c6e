"""What an attempt that succeeded leaves of itself: the card, as a fact and on its task."""

from errand.v1 import runner_pb2
from errand_scheduler.finish import card_of, work_finished
from errand_scheduler.lifecycle.moves import tell
from errand_scheduler.store import judgements
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx


def note_finish(tx: Tx, task: Task, attempt: Attempt, found: runner_pb2.Finish) -> None:
    """Store the card of what the runner found, before the attempt's end."""
    span = tx.one(judgements.span(task.task_id, now_us=tx.now_us))
    assert span is not None  # always one row
    card = card_of(task, found, span)
    judgements.set_card(tx, task.task_id, card.SerializeToString())
    tell(tx, task, work_finished(card), attempt_id=attempt.attempt_id)
