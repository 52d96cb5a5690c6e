"""Rows as messages of the contract."""

from errand.v1 import task_pb2
from errand_common.wire import duration, number, timestamp
from errand_scheduler.presets import allowed_hosts
from errand_scheduler.store.allowance import Allowance
from errand_scheduler.store.blobs import Blob
from errand_scheduler.store.inputs import Input
from errand_scheduler.store.messages import Message
from errand_scheduler.store.model_choices import ModelChoice
from errand_scheduler.store.projects import Project
from errand_scheduler.store.tasks import DiffStat, Task
from errand_scheduler.store.tool_calls import ToolCall
from errand_scheduler.store.usage import Usage
from errand_scheduler.store.users import User


def user(row: User) -> task_pb2.User:
    """A person."""
    return task_pb2.User(
        user_id=row.user_id,
        github_id=row.github_id,
        github_username=row.github_username,
        created_time=timestamp(row.created_time),
        role=number(task_pb2.UserRole, row.role),
    )


def project(row: Project) -> task_pb2.Project:
    """A project."""
    return task_pb2.Project(
        project_id=row.project_id,
        repo_url=row.repo_url,
        repository=row.repository,
        default_branch=row.default_branch,
        created_time=timestamp(row.created_time),
        image=row.image,
        setup_script=row.setup_script,
        git_host=row.git_host,
        egress=task_pb2.Egress(
            mode=number(task_pb2.EgressMode, row.egress.mode),
            presets=row.egress.presets,
            hosts=row.egress.hosts,
            allowed_hosts=allowed_hosts(row.egress.presets, row.egress.hosts),
        ),
        read_repositories=row.read_repositories,
        model_choice=model_choice(row.model_choice),
        check=task_pb2.Check(script=row.check.script, limit_duration=duration(row.check.limit_s)),
        allowance=allowance(row.allowance),
        draft_pull_requests=row.draft_pull_requests,
    )


def model_choice(row: ModelChoice) -> task_pb2.ModelChoice:
    """Which model is chosen."""
    return task_pb2.ModelChoice(
        model=row.model,
        effort=number(task_pb2.Effort, row.effort),
        thinking_display=number(task_pb2.ThinkingDisplay, row.thinking_display),
        fallback_model=row.fallback_model,
    )


def task(row: Task) -> task_pb2.Task:
    """A task."""
    return task_pb2.Task(
        task_id=row.task_id,
        project_id=row.project_id,
        status=number(task_pb2.TaskStatus, row.status),
        status_reason=row.status_reason,
        prompt=row.prompt,
        branch=row.branch,
        pull_request_url=row.pull_request_url,
        container_id=row.container_id,
        failure_reason=number(task_pb2.FailureReason, row.failure_reason),
        usage=usage(row.usage),
        diff_stat=diff_stat(row.diff_stat),
        created_time=timestamp(row.created_time),
        started_time=timestamp(row.started_time),
        completed_time=timestamp(row.completed_time),
        wait_reason=number(task_pb2.WaitReason, row.wait_reason),
        resume_time=timestamp(row.resume_time),
        required_labels=row.required_labels,
        head_commit=row.head_commit,
        checkpoint_commit=row.checkpoint_commit,
        blocked_hosts=row.blocked_hosts,
        model_choice=model_choice(row.model_choice),
        allowance=allowance(row.allowance),
        spent=spent(row),
    )


def diff_stat(row: DiffStat | None) -> task_pb2.DiffStat | None:
    """What a branch changes; none of none."""
    if row is None:
        return None
    return task_pb2.DiffStat(files=row.files, insertions=row.insertions, deletions=row.deletions)


def allowance(row: Allowance) -> task_pb2.Allowance:
    """What a task may spend."""
    return task_pb2.Allowance(
        cost_nanodollars=row.cost_nanodollars,
        tokens=row.tokens,
        requests=row.requests,
        work_duration=duration(row.work_us / 1e6) if row.work_us else None,
    )


def spent(row: Task, *, working_us: int = 0) -> task_pb2.Spent:
    """What a task spent; `working_us` is for how long the attempt that has it now had it."""
    used = row.usage
    return task_pb2.Spent(
        cost_nanodollars=used.cost_nanodollars,
        tokens=used.input_tokens + used.cache_write_tokens + used.cache_read_tokens + used.output_tokens,
        requests=row.request_count,
        work_duration=duration((row.worked_us + working_us) / 1e6),
    )


def message(row: Message) -> task_pb2.Message:
    """A message, its content byte for byte."""
    return task_pb2.Message(
        message_id=row.message_id,
        task_id=row.task_id,
        role=number(task_pb2.Role, row.role),
        content=row.content,
        usage=None if row.usage is None else usage(row.usage),
        model=row.model,
        stop_reason=row.stop_reason,
        created_time=timestamp(row.created_time),
        content_blob=blob(row.content_blob),
        replaces_message_id=row.replaces_message_id,
    )


def tool_call(row: ToolCall) -> task_pb2.ToolCall:
    """A tool call, finished or not."""
    return task_pb2.ToolCall(
        tool_call_id=row.tool_call_id,
        task_id=row.task_id,
        tool_name=row.tool_name,
        input=row.input,
        output=row.output or b"",
        is_error=row.is_error,
        duration=None if row.duration_us is None else duration(row.duration_us / 1e6),
        created_time=timestamp(row.created_time),
        input_blob=blob(row.input_blob),
        output_blob=blob(row.output_blob),
    )


def blob(row: Blob | None) -> task_pb2.Blob | None:
    """Where long content is; none of none."""
    return None if row is None else task_pb2.Blob(sha256=row.sha256, size_bytes=row.size_bytes)


def input_(row: Input) -> task_pb2.Input:
    """What a person wrote."""
    return task_pb2.Input(
        input_id=row.input_id,
        task_id=row.task_id,
        text=row.text,
        taken=row.taken_message_id is not None,
        removed=row.removed_time is not None and row.taken_message_id is None,
        kind=number(task_pb2.InputKind, row.kind),
        created_time=timestamp(row.created_time),
    )


def usage(row: Usage) -> task_pb2.Usage:
    """What was used; the cost is left out where it is not known."""
    return task_pb2.Usage(
        input_tokens=row.input_tokens,
        cache_write_tokens=row.cache_write_tokens,
        cache_read_tokens=row.cache_read_tokens,
        output_tokens=row.output_tokens,
        cost_nanodollars=row.cost_nanodollars,
    )
