"""A watch: replay from a cursor, say that it caught up, then follow, without a gap."""

from collections.abc import AsyncIterator

from errand.v1 import task_service_pb2 as pb
from errand.v1.event_pb2 import Delta
from errand_common.errors import Unauthenticated, Unavailable
from errand_scheduler import wire
from errand_scheduler.cursors import Cursors
from errand_scheduler.hub import Subscription
from errand_scheduler.store import events
from errand_scheduler.store.events import Event
from errand_scheduler.store.query import Query
from errand_scheduler.store.reader import Reader

_PAGE = 200  # events read at once; each is small, and nothing is held while they are sent


async def watch(
    reader: Reader, cursors: Cursors, subscription: Subscription[Delta], *, after_cursor: str
) -> AsyncIterator[pb.WatchEventsResponse]:
    """Everything after the cursor. The subscription was made before: what is stored from then on wakes it.

    Raises Unavailable when the scheduler stops, Unauthenticated when the session ends, Invalid for a bad cursor.
    """
    head = await reader.one(events.head()) or 0
    position = cursors.read(after_cursor, head=head)
    if position is None:
        position = head
        yield pb.WatchEventsResponse(reset=pb.Reset(cursor=cursors.write(head)))
    while page := await _page(reader, subscription, after=position, last=head):
        yield _events(cursors, page)
        position = page[-1].event_id
        _check(subscription)
    subscription.live = True
    position = max(position, head)
    yield pb.WatchEventsResponse(caught_up=pb.CaughtUp(cursor=cursors.write(position)))
    while True:
        page = await _page(reader, subscription, after=position, last=None)
        # Taken after the read: a delta is passed on before the event that covers it is stored, so it goes first.
        if deltas := subscription.take_deltas():
            yield pb.WatchEventsResponse(deltas=deltas)
        if page:
            yield _events(cursors, page)
        position = page[-1].event_id if page else position
        _check(subscription)
        if len(page) < _PAGE:
            await subscription.wait()
            _check(subscription)


async def _page(reader: Reader, subscription: Subscription[Delta], *, after: int, last: int | None) -> list[Event]:
    page = await reader.all(_query(subscription, after))
    return page if last is None else [event for event in page if event.event_id <= last]


def _query(subscription: Subscription[Delta], after: int) -> Query[Event]:
    if subscription.task_id:
        return events.of_task(subscription.task_id, after=after, limit=_PAGE)
    return events.of_user(subscription.user_id, after=after, limit=_PAGE)


def _events(cursors: Cursors, page: list[Event]) -> pb.WatchEventsResponse:
    return pb.WatchEventsResponse(events=[wire.event(event, cursor=cursors.write(event.event_id)) for event in page])


def _check(subscription: Subscription[Delta]) -> None:
    if subscription.session_ended:
        raise Unauthenticated("the session has ended; sign in again")
    if subscription.over:
        raise Unavailable("the scheduler is stopping; watch again from your last cursor")
