"""What is put together from encoded parts is the message that the generated class writes."""

import pytest

from errand.v1.event_pb2 import Event, EventBody, ModelDelayed
from errand.v1.runner_pb2 import AttemptEvent
from errand.v1.task_service_pb2 import WatchEventsResponse
from errand_common.encoded import Part


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384, 2_097_152])
def test_content_of_any_length_is_read_back(length: int) -> None:
    assert AttemptEvent.FromString(Part(AttemptEvent, "prefix")(b"x" * length)).prefix == b"x" * length


def test_items_and_fields_stand_end_to_end() -> None:
    bodies = [EventBody(model_delayed=ModelDelayed(reason=f"wörter {number}")) for number in range(3)]
    events = [Event(cursor=f"e.{number}", task_id="t", body=body) for number, body in enumerate(bodies)]
    item, cursor, body_of = Part(WatchEventsResponse, "events"), Part(Event, "cursor"), Part(Event, "body")

    put_together = b"".join(
        item(
            body_of(each.body.SerializeToString())
            + Event(task_id="t").SerializeToString()
            + cursor(each.cursor.encode())
        )
        for each in events
    )

    assert WatchEventsResponse.FromString(put_together) == WatchEventsResponse(events=events)
