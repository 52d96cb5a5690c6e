"""The card of what an attempt's work came to: what its runner found, and what the scheduler knows."""

from errand.v1 import event_pb2, runner_pb2, task_pb2
from errand_common.wire import duration
from errand_scheduler.facts import Fact, fact_of
from errand_scheduler.store.judgements import Span
from errand_scheduler.store.tasks import Task


def card_of(task: Task, found: runner_pb2.Finish, span: Span) -> task_pb2.FinishCard:
    """Of a task as it stands at the end of an attempt that succeeded."""
    stat, used = task.diff_stat, task.usage
    return task_pb2.FinishCard(
        result=found.result,
        message_id=found.message_id,
        branch=task.branch,
        commit=found.commit,
        diff_stat=None
        if stat is None
        else task_pb2.DiffStat(files=stat.files, insertions=stat.insertions, deletions=stat.deletions),
        pull_request_url=task.pull_request_url,
        check=found.check,
        usage=task_pb2.Usage(
            input_tokens=used.input_tokens,
            cache_write_tokens=used.cache_write_tokens,
            cache_read_tokens=used.cache_read_tokens,
            output_tokens=used.output_tokens,
            cost_nanodollars=used.cost_nanodollars,
        ),
        wall_duration=duration(span.wall_us / 1e6),
        work_duration=duration(span.work_us / 1e6),
        blocked_hosts=task.blocked_hosts,
    )


def work_finished(card: task_pb2.FinishCard) -> Fact:
    """An attempt came to its end."""
    return fact_of(event_pb2.EventBody(work_finished=event_pb2.WorkFinished(card=card)))
