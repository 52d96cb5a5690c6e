"""TaskService as plain values."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Literal

from errand.v1.task_pb2 import InputKind
from errand.v1.task_service_pb2 import (
    AddInputRequest,
    CreateTaskRequest,
    GetTaskRequest,
    ListEventsRequest,
    ListMessagesRequest,
    ListTasksRequest,
    ListToolCallsRequest,
    StopTaskRequest,
    WatchEventsRequest,
    WatchEventsResponse,
)
from errand_common.rpc import renamed_errors
from errand_common.wire import event_json, number, to_json
from errand_gateway.scheduler.connection import Connection, JsonObject, call_metadata


@dataclass(frozen=True)
class Watched:
    """One thing of a watch; `cursor` is where to go on after it, none for a delta."""

    kind: Literal["event", "delta", "caught_up", "reset"]
    cursor: str | None
    body: JsonObject


class Tasks:
    """Every method acts as the session whose token it is given, and raises ErrandError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(self, token: str, *, request_id: str, project_id: str, prompt: str) -> JsonObject:
        """Create a task, or return the one that `request_id` created."""
        request = CreateTaskRequest(request_id=request_id, project_id=project_id, prompt=prompt)
        return await self._connection.read(self._connection.tasks.CreateTask, request, token=token)

    async def get(self, token: str, task_id: str) -> JsonObject:
        """Read one task."""
        request = GetTaskRequest(task_id=task_id)
        return await self._connection.read(self._connection.tasks.GetTask, request, token=token)

    async def list(self, token: str, *, page_size: int, page_token: str) -> JsonObject:
        """List tasks, newest first."""
        request = ListTasksRequest(page_size=page_size, page_token=page_token)
        return await self._connection.read(self._connection.tasks.ListTasks, request, token=token)

    async def add_input(self, token: str, *, request_id: str, task_id: str, text: str, kind: str) -> JsonObject:
        """Add what a person wrote, or return what `request_id` added. `kind` is a word of InputKind."""
        request = AddInputRequest(request_id=request_id, task_id=task_id, text=text, kind=number(InputKind, kind))
        return await self._connection.read(self._connection.tasks.AddInput, request, token=token)

    async def stop(self, token: str, task_id: str) -> JsonObject:
        """Stop a task."""
        request = StopTaskRequest(task_id=task_id)
        return await self._connection.read(self._connection.tasks.StopTask, request, token=token)

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
        with renamed_errors():
            call = self._connection.tasks.WatchEvents(request, metadata=call_metadata(token))
            try:
                async for response in call:
                    for watched in _watched(response):
                        yield watched
            finally:
                call.cancel()


def _watched(response: WatchEventsResponse) -> Iterator[Watched]:
    """What a message tells, in the order of its fields."""
    if response.HasField("reset"):
        yield Watched("reset", response.reset.cursor, to_json(response.reset))
    for delta in response.deltas:
        yield Watched("delta", None, {"delta": to_json(delta)})
    for event in response.events:
        yield Watched("event", event.cursor, {"event": event_json(event)})
    if response.HasField("caught_up"):
        yield Watched("caught_up", response.caught_up.cursor, to_json(response.caught_up))
