"""What people ask of a task: create it, add to it, stop it."""

from collections.abc import Mapping
from datetime import timedelta

from errand_common.errors import Conflict, Exhausted, NotFound
from errand_common.values import AttemptPhase, InputKind, TaskStatus, WaitReason, branch_of
from errand_scheduler import facts
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.allowances import allowance_for
from errand_scheduler.lifecycle.decisions import Stop, on_stop
from errand_scheduler.lifecycle.endings import STOPPED, UNHEARD
from errand_scheduler.lifecycle.moves import (
    LOOKING,
    begin_task,
    close_task,
    end_attempt,
    later,
    queue_task,
    run_task,
    stop_attempt,
    tell,
)
from errand_scheduler.lifecycle.revivals import stood_of
from errand_scheduler.store import attempts, inputs, intake, retention, tasks
from errand_scheduler.store.allowance import NO_LIMIT, Allowance
from errand_scheduler.store.attempts import Attempt, StopCause
from errand_scheduler.store.inputs import Input
from errand_scheduler.store.model_choices import NO_CHOICE, ModelChoice
from errand_scheduler.store.notices import InputsMoved
from errand_scheduler.store.revivals import Revival
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.usage import Usage

MOST_INPUTS = 100
"""How many inputs of one task may wait."""
MOST_INPUT_BYTES = 7 * 512 * 1024
"""How long they may be together: one message of gRPC's lists them."""
_RETRY = timedelta(minutes=1)


def create_task(
    tx: Tx,
    *,
    user_id: str,
    project_id: str,
    prompt: str,
    task_id: str,
    input_id: str,
    durations: Durations,
    most_pending: int,
    required_labels: Mapping[str, str],
    allowance: Allowance | None = None,
    default_allowance: Allowance = NO_LIMIT,
    model_choice: ModelChoice = NO_CHOICE,
) -> Task:
    """Store a pending task, with this allowance where one was asked for. Raises NotFound unless the project is the
    user's, Exhausted where `most_pending` of the user's tasks are pending."""
    found = tx.one(intake.of_project(user_id, project_id))
    assert found is not None  # always one row
    if not found.owned:
        raise NotFound(f"you have no project {project_id}; add the repository first")
    _check_count(found.pending, most_pending)
    task = Task(
        task_id=task_id,
        user_id=user_id,
        project_id=project_id,
        status=TaskStatus.PENDING,
        status_reason=LOOKING,
        failure_reason=None,
        branch=branch_of(task_id),
        pull_request_url="",
        container_id="",
        usage=Usage(),
        diff_stat=None,
        wait_reason=None,
        resume_time=None,
        deadline_time=later(tx, durations.pending_s),
        required_labels=required_labels,
        retry_count=0,
        resume_after_stop=False,
        queue_time=tx.now_us,
        created_time=tx.now_us,
        started_time=None,
        completed_time=None,
        prompt=prompt,
        model_choice=model_choice,
        allowance=allowance_for(allowance, found.allowance, default_allowance),
    )
    begin_task(tx, task)
    _store_input(tx, input_id=input_id, task_id=task_id, text=prompt, kind=InputKind.QUEUE)
    return task


def add_input(
    tx: Tx,
    *,
    user_id: str,
    task_id: str,
    text: str,
    kind: InputKind,
    input_id: str,
    durations: Durations,
    most_pending: int,
) -> tuple[Input, Task]:
    """Store what a person wrote; it takes the task out of a final status, or out of a wait that no attempt is kept for.

    Raises NotFound, Conflict WRONG_STATE for an answer to a task that asks nothing, or a task whose record is gone,
    Exhausted where too many wait, or it would have more than `most_pending` of the user's tasks pending.
    """
    task = find(tx, task_id=task_id, user_id=user_id)
    if kind is InputKind.ANSWER and task.wait_reason is not WaitReason.QUESTION:
        raise Conflict(f"task {task_id} is {task.status} and asks nothing; add what you want to say as another kind")
    check_record(tx, task)
    check_room(tx, task_id, more=1, size_bytes=len(text.encode()))
    attempt = tx.one(attempts.live_of_task(task_id))
    if attempt is None and task.status is not TaskStatus.PENDING:
        check_pending(tx, user_id, most_pending)
    item = _store_input(tx, input_id=input_id, task_id=task_id, text=text, kind=kind)
    tell(tx, task, facts.input_added(input_id, text, kind))
    return item, _go_on(tx, task, attempt, item, durations)


def stop_task(tx: Tx, *, user_id: str, task_id: str, runner_present: bool, durations: Durations) -> Task:
    """Stop a task, in whatever state; `runner_present` is whether the attempt's lease holds. Raises NotFound."""
    task = find(tx, task_id=task_id, user_id=user_id)
    attempt = tx.one(attempts.live_of_task(task_id))
    decision = on_stop(task.status, attempt, runner_present=runner_present)
    if decision is Stop.NOTHING:
        return task
    if attempt is None:
        return close_task(tx, task, TaskStatus.CANCELLED, reason=STOPPED)
    match decision:
        case Stop.WITHDRAW:
            end_attempt(tx, attempt, AttemptPhase.WITHDRAWN, reason=STOPPED)
            return close_task(tx, task, TaskStatus.CANCELLED, reason=STOPPED)
        case Stop.CANCEL_WITHOUT_RUNNER:
            reason = f"stopped while its runner was away; {UNHEARD}"
            end_attempt(tx, attempt, AttemptPhase.CANCELLED, reason=reason)
            return close_task(tx, task, TaskStatus.CANCELLED, reason=reason)
        case Stop.ASK_RUNNER:
            stop_attempt(tx, attempt, StopCause.PERSON, within_s=durations.stop_s, reason=STOPPED)
            return run_task(tx, task, reason="stopping")
    return _stop_again(tx, task, attempt)


def find(tx: Tx, *, task_id: str, user_id: str) -> Task:
    """The user's task. Raises NotFound."""
    task = tx.one(tasks.of_user(task_id, user_id))
    if task is None:
        raise NotFound(f"you have no task {task_id}")
    return task


def check_record(tx: Tx, task: Task) -> None:
    """Raises Conflict WRONG_STATE where what was said and done in the task is deleted: nothing goes on from there."""
    if task.status.final and not tx.one(retention.record_is_kept(task.task_id)):
        raise Conflict(
            f"task {task.task_id} ended so long ago that its record was deleted; create a new task for what is left"
        )


def check_pending(tx: Tx, user_id: str, most_pending: int) -> None:
    """Raises Exhausted where no other task of the user's may become pending."""
    _check_count(tx.one(intake.pending_of(user_id)) or 0, most_pending)


def _check_count(pending: int, most_pending: int) -> None:
    if pending >= most_pending:
        raise Exhausted(
            f"{pending} tasks of yours wait for a runner, which is the most; wait until one begins, or stop one",
            retry_after=_RETRY,
        )


def check_room(tx: Tx, task_id: str, *, more: int, size_bytes: int) -> None:
    """Raises Exhausted where so much more than what waits already would be too much."""
    waits = tx.one(inputs.load(task_id))
    if waits is None or (waits.count + more <= MOST_INPUTS and waits.size_bytes + size_bytes <= MOST_INPUT_BYTES):
        return
    raise Exhausted(
        f"{waits.count} inputs of task {task_id} wait, with {waits.size_bytes} bytes; the most is {MOST_INPUTS} with"
        f" {MOST_INPUT_BYTES} bytes; wait until they are read, or remove one",
        retry_after=_RETRY,
    )


def _go_on(tx: Tx, task: Task, attempt: Attempt | None, item: Input, durations: Durations) -> Task:
    """Have an input reach the live attempt, or, where that is being stopped or there is none, the next one."""
    if attempt is None and task.status is not TaskStatus.PENDING:
        return queue_task(tx, task, durations, revival=Revival(item.input_id, stood_of(task)))
    if attempt is None:
        return queue_task(tx, task, durations) if task.retry_count else task
    tx.notice(InputsMoved(runner_id=attempt.runner_id, attempt_id=attempt.attempt_id))
    tasks.forget_retries(tx, task.task_id)
    if attempt.phase is AttemptPhase.STOPPING and not task.resume_after_stop:
        tasks.set_resume_after_stop(tx, task.task_id, resume=True, revival=Revival(item.input_id))
    return task


def _stop_again(tx: Tx, task: Task, attempt: Attempt) -> Task:
    """What was asked for since an earlier stop no longer counts. A person's stop stands over a deadline's."""
    tasks.set_resume_after_stop(tx, task.task_id, resume=False)
    if attempt.stop_cause is not StopCause.PERSON:
        attempts.set_stop_cause(tx, attempt.attempt_id, StopCause.PERSON)
    return task


def _store_input(tx: Tx, *, input_id: str, task_id: str, text: str, kind: InputKind) -> Input:
    item = Input(
        input_id=input_id, task_id=task_id, text=text, kind=kind, taken_message_id=None, created_time=tx.now_us
    )
    inputs.insert(tx, item)
    return item
