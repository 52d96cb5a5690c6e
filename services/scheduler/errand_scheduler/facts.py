"""Facts in the form that events carry them."""

from dataclasses import dataclass
from functools import lru_cache

from errand.v1 import event_pb2, task_pb2
from errand_common.values import AttemptPhase, FailureReason, InputKind, TaskStatus, summarise
from errand_common.wire import number
from errand_scheduler import wire
from errand_scheduler.store.allowance import Allowance


@dataclass(frozen=True)
class Fact:
    """An EventBody as bytes, and its kind."""

    kind: str
    body: bytes


def fact_of(body: event_pb2.EventBody) -> Fact:
    """The fact of a body; `unknown` for a kind that is newer than this scheduler."""
    return Fact(kind=body.WhichOneof("kind") or "unknown", body=body.SerializeToString())


# Of few words, again and again: what it says is put together once.
@lru_cache(maxsize=512)
def task_moved(status: TaskStatus, reason: str, failure: FailureReason | None) -> Fact:
    """The task's status, or the reason for it, changed."""
    return fact_of(
        event_pb2.EventBody(
            task_status_changed=event_pb2.TaskStatusChanged(
                status=number(task_pb2.TaskStatus, status),
                status_reason=reason,
                failure_reason=number(task_pb2.FailureReason, failure),
            )
        )
    )


@lru_cache(maxsize=512)
def attempt_moved(phase: AttemptPhase, reason: str, runner_id: str) -> Fact:
    """The attempt's phase changed."""
    return fact_of(
        event_pb2.EventBody(
            attempt_phase_changed=event_pb2.AttemptPhaseChanged(
                phase=number(task_pb2.AttemptPhase, phase),
                reason=reason,
                runner_id=runner_id,
            )
        )
    )


def input_added(input_id: str, text: str, kind: InputKind) -> Fact:
    """A person added an input."""
    return fact_of(
        event_pb2.EventBody(
            input_added=event_pb2.InputAdded(
                input_id=input_id, summary=summarise(text), kind=number(task_pb2.InputKind, kind)
            )
        )
    )


def input_changed(input_id: str, text: str, kind: InputKind, change: "event_pb2.InputChange.ValueType") -> Fact:
    """A person changed an input that no message carries yet."""
    return fact_of(
        event_pb2.EventBody(
            input_changed=event_pb2.InputChanged(
                input_id=input_id,
                change=change,
                summary=summarise(text),
                kind=number(task_pb2.InputKind, kind),
            )
        )
    )


def task_retried() -> Fact:
    """A person sent the task on."""
    return fact_of(event_pb2.EventBody(task_retried=event_pb2.TaskRetried()))


def allowance_raised(now: Allowance) -> Fact:
    """A person let the task spend more."""
    raised = event_pb2.AllowanceRaised(allowance=wire.allowance(now))
    return fact_of(event_pb2.EventBody(allowance_raised=raised))


def pull_request_opened(url: str, number: int, *, draft: bool, remark: str) -> Fact:
    """The pull request is open."""
    opened = event_pb2.PullRequestOpened(url=url, number=number, draft=draft, remark=summarise(remark))
    return fact_of(event_pb2.EventBody(pull_request_opened=opened))


def pull_request_left(url: str, number: int, reason: str) -> Fact:
    """The pull request is not as one would expect."""
    left = event_pb2.PullRequestLeft(url=url, number=number, reason=summarise(reason))
    return fact_of(event_pb2.EventBody(pull_request_left=left))


def repository_renamed(before: str, now: str) -> Fact:
    """The project's repository has another name at its git host."""
    renamed = event_pb2.RepositoryRenamed(old_repository=before, repository=now)
    return fact_of(event_pb2.EventBody(repository_renamed=renamed))


def push_limited(summary: str) -> Fact:
    """What the credential that a task is lent may not push."""
    return fact_of(event_pb2.EventBody(push_limited=event_pb2.PushLimited(summary=summary)))


def work_finished(card: task_pb2.FinishCard) -> Fact:
    """An attempt came to its end and did what it could."""
    return fact_of(event_pb2.EventBody(work_finished=event_pb2.WorkFinished(card=card)))
