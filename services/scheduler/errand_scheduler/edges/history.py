"""What happened in a task, in pages."""

from errand.v1 import task_service_pb2 as pb
from errand_common.errors import Conflict
from errand_scheduler import wire
from errand_scheduler.edges.requests import number_of, page_size, token_of_number
from errand_scheduler.store import events, messages, tool_calls
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.sizes import fitting
from errand_scheduler.watching.cursors import Cursors
from errand_scheduler.watching.encoding import listed

_PAGE_BYTES = 1024 * 1024


class History:
    """The events, messages and tool calls of tasks; the caller has checked whose task it is."""

    def __init__(self, reader: Reader, cursors: Cursors) -> None:
        self._reader = reader
        self._cursors = cursors

    async def events(self, request: pb.ListEventsRequest) -> pb.ListEventsResponse:
        """A page of events. Raises Conflict for a cursor of another history."""
        size = page_size(request.page_size, default=200, most=500)
        head = await self._reader.one(events.head()) or 0
        after = self._cursors.read(request.after_cursor, head=head)
        if after is None:
            raise Conflict(f"the cursor {request.after_cursor} is not of this history; list from the beginning")
        found = await self._reader.all(events.of_task(request.task_id, after=after, limit=size + 1))
        response = listed(found[:size], self._cursors)
        response.has_more = len(found) > size
        return response

    async def messages(self, request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        """A page of messages."""
        size = page_size(request.page_size, default=50, most=100)
        after = number_of(request.page_token)
        sizes = await self._reader.all(messages.sizes(request.task_id, after=after, limit=size + 1))
        if not sizes:
            return pb.ListMessagesResponse()
        last = fitting(sizes[:size], limit_bytes=_PAGE_BYTES)
        found = await self._reader.all(messages.between(request.task_id, after=after, last=last))
        return pb.ListMessagesResponse(
            messages=[wire.message(each) for each in found],
            next_page_token=token_of_number(last) if sizes[-1].event_id > last else "",
        )

    async def tool_calls(self, request: pb.ListToolCallsRequest) -> pb.ListToolCallsResponse:
        """A page of tool calls."""
        size = page_size(request.page_size, default=50, most=100)
        after = number_of(request.page_token)
        sizes = await self._reader.all(tool_calls.sizes(request.task_id, after=after, limit=size + 1))
        if not sizes:
            return pb.ListToolCallsResponse()
        last = fitting(sizes[:size], limit_bytes=_PAGE_BYTES)
        found = await self._reader.all(tool_calls.between(request.task_id, after=after, last=last))
        return pb.ListToolCallsResponse(
            tool_calls=[wire.tool_call(each) for each in found],
            next_page_token=token_of_number(last) if sizes[-1].event_id > last else "",
        )
