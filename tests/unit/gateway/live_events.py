"""Things that happen in a task, for the live socket to carry."""

from errand.v1.event_pb2 import DELTA_KIND_TEXT, Delta, Event, EventBody, MessageAppended
from errand_common.wire import timestamp
from tests.unit.gateway.scheduler_double import NOON_US, SchedulerDouble


def happen(scheduler: SchedulerDouble, count: int = 1, *, task_id: str = "tsk_1", summary: str = "words") -> list[str]:
    """So many events more; returns their cursors."""
    return [
        scheduler.history.append(
            Event(
                task_id=task_id,
                attempt_id="att_1",
                created_time=timestamp(NOON_US),
                body=EventBody(message_appended=MessageAppended(message_id="msg_1", summary=summary)),
            )
        ).cursor
        for _ in range(count)
    ]


def whisper(text: str, *, offset: int = 0, task_id: str = "tsk_1") -> Delta:
    """A piece of something that is going on."""
    return Delta(task_id=task_id, subject_id="msg_2", kind=DELTA_KIND_TEXT, text=text, offset=offset)


def murmur(scheduler: SchedulerDouble, text: str, *, offset: int = 0, task_id: str = "tsk_1") -> None:
    """A delta for those who listen now."""
    scheduler.history.show_delta(whisper(text, offset=offset, task_id=task_id))
