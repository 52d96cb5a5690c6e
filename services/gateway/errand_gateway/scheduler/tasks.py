"""TaskService as plain values."""

from collections.abc import AsyncGenerator, Mapping

from errand.v1.task_service_pb2 import (
    CreateTaskRequest,
    ExplainPendingRequest,
    GetBlobRequest,
    GetTaskRequest,
    ListEventsRequest,
    ListMessagesRequest,
    ListTasksRequest,
    ListToolCallsRequest,
    RaiseAllowanceRequest,
    RetryTaskRequest,
    StopTaskRequest,
    WatchEventsRequest,
)
from errand_common.wire import event_json
from errand_gateway.metrics import counted
from errand_gateway.scheduler.allowance import Allowance
from errand_gateway.scheduler.connection import Connection, JsonObject, call_metadata
from errand_gateway.scheduler.model_choice import ModelChoice
from errand_gateway.scheduler.watched import Watched, told

BLOB_S = 600.0
"""How long a phone may take to fetch a blob."""


class Tasks:
    """Every method acts as the session whose token it is given, and raises ErrandError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(
        self,
        token: str,
        *,
        request_id: str,
        project_id: str,
        prompt: str,
        required_labels: Mapping[str, str],
        allowance: Allowance | None,
        model_choice: ModelChoice | None,
    ) -> JsonObject:
        """Create a task, or return the one that `request_id` created. Without an allowance it has its project's."""
        request = CreateTaskRequest(
            request_id=request_id,
            project_id=project_id,
            prompt=prompt,
            required_labels=required_labels,
            allowance=None if allowance is None else allowance.to_wire(),
            model_choice=None if model_choice is None else model_choice.to_wire(),
        )
        return await self._connection.read(self._connection.tasks.CreateTask, request, token=token)

    async def get(self, token: str, task_id: str) -> JsonObject:
        """Read one task."""
        request = GetTaskRequest(task_id=task_id)
        return await self._connection.read(self._connection.tasks.GetTask, request, token=token)

    async def list(self, token: str, *, page_size: int, page_token: str) -> JsonObject:
        """List tasks, newest first."""
        request = ListTasksRequest(page_size=page_size, page_token=page_token)
        return await self._connection.read(self._connection.tasks.ListTasks, request, token=token)

    async def stop(self, token: str, task_id: str, *, request_id: str) -> JsonObject:
        """Stop a task, once for a `request_id`."""
        request = StopTaskRequest(task_id=task_id, request_id=request_id)
        return await self._connection.read(self._connection.tasks.StopTask, request, token=token)

    async def retry(self, token: str, task_id: str, *, request_id: str) -> JsonObject:
        """Send a task on that failed, was stopped, or waits, once for a `request_id`."""
        request = RetryTaskRequest(task_id=task_id, request_id=request_id)
        return await self._connection.read(self._connection.tasks.RetryTask, request, token=token)

    async def raise_allowance(self, token: str, task_id: str, *, more: Allowance, request_id: str) -> JsonObject:
        """Raise the limits of what a task may spend, once for a `request_id`."""
        request = RaiseAllowanceRequest(task_id=task_id, more=more.to_wire(), request_id=request_id)
        return await self._connection.read(self._connection.tasks.RaiseAllowance, request, token=token)

    async def explain_pending(self, token: str, task_id: str) -> JsonObject:
        """Say in words why a task waits."""
        request = ExplainPendingRequest(task_id=task_id)
        return await self._connection.read(self._connection.tasks.ExplainPending, request, token=token)

    async def list_events(self, token: str, task_id: str, *, after_cursor: str, page_size: int) -> JsonObject:
        """List a task's events, oldest first."""
        request = ListEventsRequest(task_id=task_id, after_cursor=after_cursor, page_size=page_size)
        page = await self._connection.ask(self._connection.tasks.ListEvents, request, token=token)
        return {"events": [event_json(event) for event in page.events], "has_more": page.has_more}

    async def list_messages(self, token: str, task_id: str, *, page_size: int, page_token: str) -> JsonObject:
        """List a task's messages, oldest first."""
        request = ListMessagesRequest(task_id=task_id, page_size=page_size, page_token=page_token)
        return await self._connection.read(self._connection.tasks.ListMessages, request, token=token)

    async def list_tool_calls(self, token: str, task_id: str, *, page_size: int, page_token: str) -> JsonObject:
        """List a task's tool calls, oldest first."""
        request = ListToolCallsRequest(task_id=task_id, page_size=page_size, page_token=page_token)
        return await self._connection.read(self._connection.tasks.ListToolCalls, request, token=token)

    async def watch(self, token: str, *, task_id: str, after_cursor: str) -> AsyncGenerator[Watched, None]:
        """Replay what is after the cursor, then follow. Keepalive finds a dead scheduler: Unavailable."""
        request = WatchEventsRequest(task_id=task_id, after_cursor=after_cursor)
        with counted.asking():
            call = self._connection.watches.WatchEvents(request, metadata=call_metadata(token))
            try:
                async for response in call:
                    for watched in told(response):
                        yield watched
            finally:
                call.cancel()

    async def blob(self, token: str, *, task_id: str, sha256: str) -> AsyncGenerator[bytes, None]:
        """The content of a blob, piece by piece, within BLOB_S."""
        request = GetBlobRequest(task_id=task_id, sha256=sha256)
        with counted.asking():
            call = self._connection.tasks.GetBlob(request, timeout=BLOB_S, metadata=call_metadata(token))
            try:
                async for response in call:
                    yield response.chunk
            finally:
                call.cancel()
