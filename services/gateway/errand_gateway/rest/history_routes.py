"""What happened in a task: its events, messages and tool calls, page by page."""

from fastapi import APIRouter, Response

from errand_gateway.problems import RESPONSES
from errand_gateway.rest.answers import ListEventsResponse, ListMessagesResponse, ListToolCallsResponse
from errand_gateway.rest.pages import page
from errand_gateway.rest.parameters import AfterCursor, EventPageSize, PageSize, PageToken, SessionToken
from errand_gateway.scheduler.tasks import Tasks


class HistoryRoutes:
    """Translates; the scheduler judges."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/tasks/{task_id}", tags=["history"], responses=RESPONSES)
        add = router.add_api_route
        add("/events", self.events, response_model=ListEventsResponse, response_model_exclude_unset=True)
        add("/messages", self.messages, response_model=ListMessagesResponse, response_model_exclude_unset=True)
        add("/tool_calls", self.tool_calls, response_model=ListToolCallsResponse, response_model_exclude_unset=True)
        return router

    async def events(
        self, token: SessionToken, task_id: str, after_cursor: AfterCursor = "", page_size: EventPageSize = 0
    ) -> Response:
        """Lists a task's events, oldest first; the next page is after the last event's cursor."""
        return page(await self._tasks.list_events(token, task_id, after_cursor=after_cursor, page_size=page_size))

    async def messages(
        self, token: SessionToken, task_id: str, page_size: PageSize = 0, page_token: PageToken = ""
    ) -> Response:
        """Lists a task's messages, oldest first."""
        return page(await self._tasks.list_messages(token, task_id, page_size=page_size, page_token=page_token))

    async def tool_calls(
        self, token: SessionToken, task_id: str, page_size: PageSize = 0, page_token: PageToken = ""
    ) -> Response:
        """Lists a task's tool calls, oldest first."""
        return page(await self._tasks.list_tool_calls(token, task_id, page_size=page_size, page_token=page_token))
