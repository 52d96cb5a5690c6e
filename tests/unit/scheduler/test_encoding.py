"""What watchers are sent, and who asks for a page, are the messages of the contract."""

import pytest

from errand.v1 import event_pb2, task_service_pb2
from errand_common.wire import timestamp
from errand_scheduler.store.events import Event
from errand_scheduler.watching.cursors import Cursors
from errand_scheduler.watching.encoding import encoded, listed, response
from tests.unit.scheduler.watched import ended, said, step

_NEWER = b"\xaa\xfa\x01\x03new"  # a field that this version does not know


@pytest.mark.parametrize("attempt_id", ["att_1", None])
@pytest.mark.parametrize("created_time", [0, 1, 1_790_000_000_123_456])
def test_the_bytes_are_those_of_the_message(attempt_id: str | None, created_time: int) -> None:
    bodies = [*(each.SerializeToString() for each in (step(), said("m1"), ended())), _NEWER]
    rows = [Event(number, "tsk_1", attempt_id, body, created_time) for number, body in enumerate(bodies, start=1)]
    cursors = Cursors("e7")

    sent = response([encoded(row, cursors) for row in rows])

    told = [
        event_pb2.Event(
            cursor=f"e7.{row.event_id}",
            task_id="tsk_1",
            attempt_id=attempt_id or "",
            created_time=timestamp(created_time),
            body=event_pb2.EventBody.FromString(row.body),
        )
        for row in rows
    ]
    assert sent == task_service_pb2.WatchEventsResponse(events=told)
    assert listed(rows, cursors) == task_service_pb2.ListEventsResponse(events=told)
    assert sent.events[3].body.SerializeToString() == _NEWER
    assert event_pb2.EventBody.FromString(_NEWER).WhichOneof("kind") is None
