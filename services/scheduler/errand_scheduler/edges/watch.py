"""A watch: replay from a cursor, say that it caught up, then follow, without a gap."""

from collections.abc import AsyncIterator, Sequence

from errand.v1 import task_service_pb2 as pb
from errand_common.errors import Unavailable
from errand_scheduler.store import events
from errand_scheduler.store.events import Event
from errand_scheduler.store.query import Query
from errand_scheduler.store.reader import Reader
from errand_scheduler.watching import encoding
from errand_scheduler.watching.cursors import Cursors
from errand_scheduler.watching.feed import MESSAGE_BYTES
from errand_scheduler.watching.hub import Subscription

_PAGE = 500  # events read at once; each is small, and nothing is held while they are sent
_FRAMING_BYTES = 128  # of an event, beside its body


async def watch(
    reader: Reader, cursors: Cursors, subscription: Subscription, *, after_cursor: str
) -> AsyncIterator[pb.WatchEventsResponse]:
    """Everything after the cursor. The subscription was made before: what is stored from then on wakes it.

    Raises Unavailable when the scheduler stops, Invalid for a bad cursor.
    """
    head = await reader.one(events.head()) or 0
    position = cursors.read(after_cursor, head=head)
    if position is None:
        position = head
        yield pb.WatchEventsResponse(reset=pb.Reset(cursor=cursors.write(head)))
    while page := await _page(reader, subscription, after=position, last=head):
        subscription.replayed(page)
        position = page[-1].event_id
        yield _events(cursors, page)
        _check(subscription)
    position = max(position, head)
    snapshots = subscription.join(position)
    yield pb.WatchEventsResponse(caught_up=pb.CaughtUp(cursor=cursors.write(position)), snapshots=snapshots)
    async for response in _follow(reader, cursors, subscription):
        yield response


async def _follow(
    reader: Reader, cursors: Cursors, subscription: Subscription
) -> AsyncIterator[pb.WatchEventsResponse]:
    while True:
        _check(subscription)
        piece = subscription.next()
        if piece is None:
            visible = subscription.visible
            page = await _page(reader, subscription, after=subscription.position, last=visible)
            subscription.paged(page[-1].event_id if page else visible)
            if page:
                yield _events(cursors, page)
            continue
        if piece.response is not None:
            yield piece.response
        if not piece.more:
            await subscription.wait()


async def _page(reader: Reader, subscription: Subscription, *, after: int, last: int) -> list[Event]:
    """The next events up to one, as many as one message holds."""
    page = await reader.all(_query(subscription, after))
    return _fitting([event for event in page if event.event_id <= last])


def _query(subscription: Subscription, after: int) -> Query[Event]:
    if subscription.task_id:
        return events.of_task(subscription.task_id, after=after, limit=_PAGE)
    return events.of_user(subscription.user_id, after=after, limit=_PAGE)


def _fitting(page: list[Event]) -> list[Event]:
    room = MESSAGE_BYTES
    for count, event in enumerate(page):
        room -= len(event.body) + _FRAMING_BYTES
        if room < 0 and count:
            return page[:count]
    return page


def _events(cursors: Cursors, page: Sequence[Event]) -> pb.WatchEventsResponse:
    return encoding.response(encoding.encoded(event, cursors) for event in page)


def _check(subscription: Subscription) -> None:
    if subscription.over:
        raise Unavailable("the scheduler is stopping; watch again from your last cursor")
