"""What people change about an input that no message carries yet."""

from dataclasses import replace

from errand.v1 import event_pb2
from errand_common.errors import Conflict, NotFound
from errand_common.values import InputKind
from errand_scheduler import facts
from errand_scheduler.lifecycle.asks import check_room
from errand_scheduler.lifecycle.moves import tell
from errand_scheduler.lifecycle.revivals import undo_revival
from errand_scheduler.store import attempts, inputs, tasks
from errand_scheduler.store.inputs import Input
from errand_scheduler.store.notices import InputsMoved
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx


def edit_input(tx: Tx, *, user_id: str, input_id: str, text: str) -> Input:
    """Replace its text; the same text changes nothing. Raises NotFound, Conflict INPUT_TAKEN, Exhausted."""
    item, task = _waiting(tx, user_id=user_id, input_id=input_id)
    if item.text == text:
        return item
    check_room(tx, task.task_id, more=0, size_bytes=len(text.encode()) - len(item.text.encode()))
    inputs.set_text(tx, input_id, text)
    if _is_prompt(tx, item):
        tasks.set_prompt(tx, task.task_id, text)
    return _changed(tx, task, replace(item, text=text), event_pb2.INPUT_CHANGE_EDITED)


def promote_input(tx: Tx, *, user_id: str, input_id: str) -> Input:
    """Have what is queued steer; anything else stays what it is. Raises NotFound, Conflict INPUT_TAKEN."""
    item, task = _waiting(tx, user_id=user_id, input_id=input_id)
    if item.kind is not InputKind.QUEUE:
        return item
    inputs.set_kind(tx, input_id, InputKind.STEER)
    return _changed(tx, task, replace(item, kind=InputKind.STEER), event_pb2.INPUT_CHANGE_PROMOTED)


def remove_input(tx: Tx, *, user_id: str, input_id: str) -> Input:
    """Take it back; again changes nothing. A task that it alone sent on stands again where it stood, unless a runner
    has taken that up. Raises NotFound, Conflict: INPUT_TAKEN, or WRONG_STATE for the prompt."""
    item, task = find(tx, user_id=user_id, input_id=input_id)
    if item.taken_message_id is not None:
        raise _taken(item)
    if item.removed_time is not None:
        return item
    if _is_prompt(tx, item):
        raise Conflict(f"input {input_id} is the prompt of task {task.task_id}; stop the task instead")
    inputs.remove(tx, input_id)
    removed = _changed(tx, task, replace(item, removed_time=tx.now_us), event_pb2.INPUT_CHANGE_REMOVED)
    undo_revival(tx, task)
    return removed


def find(tx: Tx, *, user_id: str, input_id: str) -> tuple[Input, Task]:
    """The user's input and its task. Raises NotFound."""
    item = tx.one(inputs.by_id(input_id))
    task = None if item is None else tx.one(tasks.of_user(item.task_id, user_id))
    if item is None or task is None:
        raise NotFound(f"you have no input {input_id}")
    return item, task


def _waiting(tx: Tx, *, user_id: str, input_id: str) -> tuple[Input, Task]:
    item, task = find(tx, user_id=user_id, input_id=input_id)
    if item.taken_message_id is not None or item.removed_time is not None:
        raise _taken(item)
    return item, task


def _taken(item: Input) -> Conflict:
    found = "was taken back" if item.taken_message_id is None else "was read already"
    return Conflict(f"input {item.input_id} {found}; add another", reason="INPUT_TAKEN")


def _is_prompt(tx: Tx, item: Input) -> bool:
    prompt = tx.one(inputs.prompt_of(item.task_id))
    return prompt is not None and prompt.input_id == item.input_id


def _changed(tx: Tx, task: Task, item: Input, change: "event_pb2.InputChange.ValueType") -> Input:
    """Tell it, to the attempt that holds a copy too."""
    tell(tx, task, facts.input_changed(item.input_id, "" if item.removed_time else item.text, item.kind, change))
    attempt = tx.one(attempts.live_of_task(task.task_id))
    if attempt is not None:
        tx.notice(InputsMoved(runner_id=attempt.runner_id, attempt_id=attempt.attempt_id))
    return item
