"""Events as people are sent them, made of bytes: each is encoded once, whoever and however many it is for."""

from collections.abc import Iterable
from functools import lru_cache

from errand.v1.event_pb2 import Event
from errand.v1.task_service_pb2 import ListEventsResponse, WatchEventsResponse
from errand_common.encoded import Part
from errand_common.wire import timestamp
from errand_scheduler.store import events
from errand_scheduler.watching.cursors import Cursors

_WATCHED, _LISTED = Part(WatchEventsResponse, "events"), Part(ListEventsResponse, "events")
_CURSOR, _BODY = Part(Event, "cursor"), Part(Event, "body")


def encoded(row: events.Event, cursors: Cursors) -> bytes:
    """An event, its body as it came, as it stands in a response to a watcher."""
    return _WATCHED(_event(row, cursors))


def response(encoded_events: Iterable[bytes]) -> WatchEventsResponse:
    """The events in one message."""
    return WatchEventsResponse.FromString(b"".join(encoded_events))


def listed(rows: Iterable[events.Event], cursors: Cursors) -> ListEventsResponse:
    """Events in the answer to who asks for a page of them."""
    return ListEventsResponse.FromString(b"".join([_LISTED(_event(row, cursors)) for row in rows]))


def _event(row: events.Event, cursors: Cursors) -> bytes:
    # Measured at a fifth of what it costs to make the message and read the body into it.
    about = _whose(row.task_id, row.attempt_id) + _when(row.created_time)
    return _CURSOR(cursors.write(row.event_id).encode()) + about + _BODY(row.body)


@lru_cache(maxsize=1024)
def _whose(task_id: str, attempt_id: str | None) -> bytes:
    """What events of one attempt have in common."""
    return Event(task_id=task_id, attempt_id=attempt_id or "").SerializeToString()


@lru_cache(maxsize=64)
def _when(created_time: int) -> bytes:
    """What events of one commit have in common."""
    return Event(created_time=timestamp(created_time)).SerializeToString()
