"""What a person sees of a watch."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import grpc

from errand.v1 import event_pb2, task_service_pb2

DEADLINE_S = 60.0
"""For every call of a scene."""


@dataclass(frozen=True)
class Seen:
    """One thing of a watch."""

    kind: str
    event: event_pb2.Event = field(default_factory=event_pb2.Event)
    delta: event_pb2.Delta = field(default_factory=event_pb2.Delta)
    cursor: str = ""


def things(response: task_service_pb2.WatchEventsResponse) -> Iterator[Seen]:
    """What a message tells, in the order of its fields."""
    if response.HasField("reset"):
        yield Seen("reset", cursor=response.reset.cursor)
    yield from (Seen("delta", delta=delta) for delta in response.deltas)
    yield from (Seen("event", event=event, cursor=event.cursor) for event in response.events)
    if response.HasField("caught_up"):
        yield Seen("caught_up", cursor=response.caught_up.cursor)
    yield from (Seen("snapshot", delta=delta) for delta in response.snapshots)


class Watch:
    """A stream of a task's, or a user's, events."""

    def __init__(
        self,
        call: "grpc.aio.UnaryStreamCall[task_service_pb2.WatchEventsRequest, task_service_pb2.WatchEventsResponse]",
    ) -> None:
        self.call = call
        self._seen: deque[Seen] = deque()

    async def next(self) -> Seen:
        """The next thing, one at a time."""
        while not self._seen:
            item = await self.call.read()
            assert isinstance(item, task_service_pb2.WatchEventsResponse), "the stream ended"
            self._seen.extend(things(item))
        return self._seen.popleft()

    async def until_caught_up(self) -> list[event_pb2.Event]:
        """The replayed events."""
        events = []
        while (item := await self.next()).kind != "caught_up":
            events.append(item.event)
        return events

    def cancel(self) -> None:
        self.call.cancel()
