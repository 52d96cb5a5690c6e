"""What people ask of a task: create it, add to it, stop it."""

from errand_common.errors import NotFound
from errand_common.values import AttemptPhase, InputKind, TaskStatus, branch_of
from errand_scheduler import facts
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.decisions import Stop, on_stop
from errand_scheduler.lifecycle.moves import LOOKING, end_attempt, move_attempt, move_task, tell
from errand_scheduler.store import attempts, inputs, projects, tasks
from errand_scheduler.store.inputs import Input
from errand_scheduler.store.notices import InputsMoved, TaskMoved
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.usage import Usage

_STOPPED = "stopped"


def create_task(tx: Tx, *, user_id: str, project_id: str, prompt: str, task_id: str, input_id: str) -> Task:
    """Store a pending task. Raises NotFound unless the project is the user's."""
    project = tx.one(projects.by_id(project_id))
    if project is None or project.user_id != user_id:
        raise NotFound(f"you have no project {project_id}; add the repository first")
    task = _new_task(tx, user_id=user_id, project_id=project_id, prompt=prompt, task_id=task_id)
    tasks.insert(tx, task)
    _store_input(tx, input_id=input_id, task_id=task_id, text=prompt, kind=InputKind.QUEUE)
    tell(tx, task, facts.task_moved(task.status, task.status_reason, None))
    tx.notice(TaskMoved(task_id=task_id, old=None, new=task.status, reason=task.status_reason))
    return task


def add_input(tx: Tx, *, user_id: str, task_id: str, text: str, kind: InputKind, input_id: str) -> tuple[Input, Task]:
    """Store what a person wrote; it takes the task out of a final or waiting status. Raises NotFound."""
    task = find(tx, task_id=task_id, user_id=user_id)
    item = _store_input(tx, input_id=input_id, task_id=task_id, text=text, kind=kind)
    tell(tx, task, facts.input_added(input_id, text, kind))
    if task.status.final or task.status is TaskStatus.WAITING:
        return item, move_task(tx, task, TaskStatus.PENDING, reason=LOOKING)
    attempt = tx.one(attempts.live_of_task(task_id))
    if attempt is None:
        return item, task
    tx.notice(InputsMoved(runner_id=attempt.runner_id))
    if attempt.phase is AttemptPhase.STOPPING:
        tasks.set_resume_after_stop(tx, task_id, resume=True)
    return item, task


def stop_task(tx: Tx, *, user_id: str, task_id: str, runner_present: bool, durations: Durations) -> Task:
    """Stop a task, in whatever state; `runner_present` is whether the attempt's lease holds. Raises NotFound."""
    task = find(tx, task_id=task_id, user_id=user_id)
    attempt = tx.one(attempts.live_of_task(task_id))
    decision = on_stop(task.status, attempt, runner_present=runner_present)
    if decision is Stop.NOTHING:
        return task
    if attempt is None:
        return move_task(tx, task, TaskStatus.CANCELLED, reason=_STOPPED)
    match decision:
        case Stop.WITHDRAW:
            end_attempt(tx, attempt, AttemptPhase.WITHDRAWN, reason=_STOPPED)
            return move_task(tx, task, TaskStatus.CANCELLED, reason=_STOPPED)
        case Stop.CANCEL_WITHOUT_RUNNER:
            reason = "stopped while its runner was away"
            end_attempt(tx, attempt, AttemptPhase.CANCELLED, reason=reason)
            return move_task(tx, task, TaskStatus.CANCELLED, reason=reason)
        case Stop.ASK_RUNNER:
            move_attempt(tx, attempt, AttemptPhase.STOPPING, within_s=durations.stop_s, reason=_STOPPED)
            return move_task(tx, task, TaskStatus.RUNNING, reason="stopping")
    tasks.set_resume_after_stop(tx, task_id, resume=False)
    return task


def find(tx: Tx, *, task_id: str, user_id: str) -> Task:
    """The user's task. Raises NotFound."""
    task = tx.one(tasks.of_user(task_id, user_id))
    if task is None:
        raise NotFound(f"you have no task {task_id}")
    return task


def _new_task(tx: Tx, *, user_id: str, project_id: str, prompt: str, task_id: str) -> Task:
    return Task(
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
        resume_after_stop=False,
        queue_time=tx.now_us,
        created_time=tx.now_us,
        started_time=None,
        completed_time=None,
        prompt=prompt,
    )


def _store_input(tx: Tx, *, input_id: str, task_id: str, text: str, kind: InputKind) -> Input:
    item = Input(
        input_id=input_id, task_id=task_id, text=text, kind=kind, taken_message_id=None, created_time=tx.now_us
    )
    inputs.insert(tx, item)
    return item
