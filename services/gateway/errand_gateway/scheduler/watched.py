"""What a watch tells, one thing at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from errand.v1.task_service_pb2 import WatchEventsResponse
from errand_common.wire import event_json, to_json
from errand_gateway.scheduler.connection import JsonObject


@dataclass(frozen=True)
class Watched:
    """One thing of a watch; `cursor` is where to go on after it, none for a delta, which may be lost."""

    kind: Literal["event", "delta", "caught_up", "snapshot", "reset"]
    cursor: str | None
    body: JsonObject


def told(response: WatchEventsResponse) -> Iterator[Watched]:
    """What a message tells, in the order of its fields."""
    if response.HasField("reset"):
        yield Watched("reset", response.reset.cursor, to_json(response.reset))
    for delta in response.deltas:
        yield Watched("delta", None, {"delta": to_json(delta)})
    for event in response.events:
        yield Watched("event", event.cursor, {"event": event_json(event)})
    if response.HasField("caught_up"):
        yield Watched("caught_up", response.caught_up.cursor, to_json(response.caught_up))
    for snapshot in response.snapshots:
        yield Watched("snapshot", response.caught_up.cursor, {"snapshot": to_json(snapshot)})
