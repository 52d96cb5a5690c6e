"""What became of a task's pull request is told and kept with the task."""

from errand_scheduler import facts
from errand_scheduler.lifecycle.moves import tell
from errand_scheduler.lifecycle.turns import Holder, load
from errand_scheduler.store import events, progress, tasks
from errand_scheduler.store.transaction import Tx


def note(tx: Tx, holder: Holder, *, url: str, number: int, draft: bool, remark: str) -> None:
    """Store and tell it, or what is the matter with the one that is known; again changes nothing. `url` is empty where
    there is none. Raises Conflict LEASE_SUPERSEDED."""
    attempt = load(tx, holder)
    task = tx.one(tasks.by_id(attempt.task_id))
    assert task is not None  # foreign key
    if url and task.pull_request_url != url:
        progress.set_pull_request(tx, task.task_id, url)
        told = facts.pull_request_opened(url, number, draft=draft, remark=remark)
        tell(tx, task, told, attempt_id=attempt.attempt_id)
    elif remark:
        left = facts.pull_request_left(url, number, remark)
        if not events.told_already(tx, attempt.attempt_id, left.kind, left.body):
            tell(tx, task, left, attempt_id=attempt.attempt_id)
