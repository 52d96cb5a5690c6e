"""A task's story as it happens: replayed, then followed, and taken up again where the line broke."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from errand.v1.task_service_pb2 import WatchEventsRequest, WatchEventsResponse
from errand_cli import exits
from errand_cli.connection import Connection
from errand_cli.exits import Exit
from errand_common.errors import Exhausted, Unavailable
from errand_common.wire import Json, event_json, to_json

PATIENCE_S = 300.0
"""For so long a line that is broken is tried anew."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0


@dataclass(frozen=True)
class Told:
    """One thing that a watch tells, as the WebSocket of the gateway tells it: `kind` is its type there."""

    kind: str
    body: Mapping[str, Json] = field(default_factory=dict)

    def object(self) -> dict[str, Json]:
        """As a line for scripts."""
        return {"type": self.kind, **self.body}


@dataclass
class Standing:
    """Where the task stands, as far as its story was told."""

    status: str = ""
    wait_reason: str = ""
    is_present: bool = False

    def hear(self, told: Told) -> None:
        """Follow it."""
        match told:
            case Told("caught_up"):
                self.is_present = True
            case Told("reset"):
                self.is_present = False
            case Told("event", {"event": {"kind": "wait_started", "detail": {"reason": reason}}}):
                self.wait_reason = str(reason)
            case Told("event", {"event": {"kind": "task_status_changed", "detail": {"status": status}}}):
                self.status = str(status)

    def ending(self, *, follow: bool) -> Exit | None:
        """How the watch ends now; None while it goes on. To `follow` is to go on past a question, too."""
        code = exits.of_task(self.status, self.wait_reason) if self.is_present else None
        return None if follow and code is Exit.WAITS else code


async def story(connection: Connection, task_id: str) -> AsyncGenerator[Told]:
    """Without an end of its own. Raises ErrandError, Unavailable once the line is broken for too long."""
    cursor, waited_s, wait_s = "", 0.0, _FIRST_WAIT_S
    while True:
        try:
            request = WatchEventsRequest(task_id=task_id, after_cursor=cursor)
            async with aclosing(connection.read(connection.tasks.WatchEvents, request)) as responses:
                async for response in responses:
                    waited_s, wait_s = 0.0, _FIRST_WAIT_S
                    for told, place in _told(response):
                        yield told
                        cursor = place if place is not None else cursor
                    if response.HasField("reset"):
                        # All that was told is of another history.
                        cursor = ""
                        break
                else:
                    raise Unavailable("the scheduler ended the watch")
        except (Unavailable, Exhausted) as exc:
            if waited_s >= PATIENCE_S:
                raise
            asked_s = exc.retry_after.total_seconds() if exc.retry_after else 0.0
            yield Told("error", {"reason": exc.reason, "detail": exc.message, "retrying": True})
            await asyncio.sleep(asked_s + wait_s)
            waited_s += asked_s + wait_s
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


def _told(response: WatchEventsResponse) -> list[tuple[Told, str | None]]:
    """Each with the cursor to go on from after it; None where it has none. In the order of the fields."""
    told: list[tuple[Told, str | None]] = []
    if response.HasField("reset"):
        told.append((Told("reset"), None))
    told += [(Told("delta", {"delta": to_json(delta)}), None) for delta in response.deltas]
    told += [(Told("event", {"event": event_json(event)}), event.cursor) for event in response.events]
    if response.HasField("caught_up"):
        told.append((Told("caught_up"), response.caught_up.cursor))
    told += [(Told("snapshot", {"snapshot": to_json(snapshot)}), None) for snapshot in response.snapshots]
    return told
