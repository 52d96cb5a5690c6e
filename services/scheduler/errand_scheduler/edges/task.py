"""TaskService: what people do with tasks."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import structlog

from errand.v1 import task_service_pb2 as pb
from errand.v1.event_pb2 import Delta
from errand.v1.task_service_pb2_grpc import TaskServiceServicer
from errand_common.disk import Room
from errand_common.errors import Conflict, Exhausted, NotFound
from errand_common.ids import Ids
from errand_scheduler import wire
from errand_scheduler.board import Board
from errand_scheduler.callers import person
from errand_scheduler.cursors import Cursors
from errand_scheduler.durations import Durations
from errand_scheduler.edges.idempotency import Request, once
from errand_scheduler.edges.requests import (
    check_id,
    check_input_kind,
    check_request_id,
    check_text,
    fingerprint,
    number_of,
    page_size,
    place_of,
    token_of,
    token_of_number,
)
from errand_scheduler.edges.watch import watch
from errand_scheduler.hub import Hub
from errand_scheduler.lifecycle import asks
from errand_scheduler.store import audit, events, inputs, messages, tasks, tool_calls
from errand_scheduler.store.inputs import Input
from errand_scheduler.store.paging import Place
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.sizes import fitting
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer

Context = grpc.aio.ServicerContext[Any, Any]

_PAGE_BYTES = 1024 * 1024
_ROOM_RETRY = timedelta(minutes=1)

log = structlog.get_logger()


class TaskEdge(TaskServiceServicer):
    """Tasks of the calling user."""

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Writer,
        ids: Ids,
        board: Board,
        hub: Hub[Delta],
        cursors: Cursors,
        durations: Durations,
        room: Room,
    ) -> None:
        self._room = room
        self._reader = reader
        self._writer = writer
        self._ids = ids
        self._board = board
        self._hub = hub
        self._cursors = cursors
        self._durations = durations

    async def CreateTask(self, request: pb.CreateTaskRequest, context: Context) -> pb.CreateTaskResponse:
        user_id = person().user_id
        check_id(request.project_id, "prj", field="project_id")
        check_text(request.prompt, field="prompt")
        await self._check_room()
        sent = _sent(request, user_id, "CreateTask", request.request_id)
        task_id, input_id = self._ids.new("tsk"), self._ids.new("inp")

        def create(tx: Tx) -> Task:
            task = asks.create_task(
                tx,
                user_id=user_id,
                project_id=request.project_id,
                prompt=request.prompt,
                task_id=task_id,
                input_id=input_id,
            )
            audit.record(tx, caller=user_id, action="create_task", subject_id=task_id)
            return task

        task = await self._writer.write(
            lambda tx: once(
                tx,
                sent,
                do=lambda: create(tx),
                again=lambda known_id: asks.find(tx, task_id=known_id, user_id=user_id),
                id_of=lambda task: task.task_id,
            ),
            size_bytes=len(request.prompt),
        )
        return pb.CreateTaskResponse(task=wire.task(task))

    async def GetTask(self, request: pb.GetTaskRequest, context: Context) -> pb.GetTaskResponse:
        return pb.GetTaskResponse(task=wire.task(await self._task(request.task_id)))

    async def ListTasks(self, request: pb.ListTasksRequest, context: Context) -> pb.ListTasksResponse:
        size = page_size(request.page_size, default=50, most=100)
        after = place_of(request.page_token)
        found = await self._reader.all(tasks.page(person().user_id, after=after, limit=size + 1))
        shown = found[:size]
        more = len(found) > size
        return pb.ListTasksResponse(
            tasks=[wire.task(task) for task in shown],
            next_page_token=token_of(Place(shown[-1].created_time, shown[-1].task_id)) if more else "",
        )

    async def AddInput(self, request: pb.AddInputRequest, context: Context) -> pb.AddInputResponse:
        user_id = person().user_id
        check_id(request.task_id, "tsk", field="task_id")
        check_text(request.text, field="text")
        kind = check_input_kind(request.kind)
        await self._check_room()
        sent = _sent(request, user_id, "AddInput", request.request_id)
        input_id = self._ids.new("inp")

        def add(tx: Tx) -> tuple[Input, Task]:
            added = asks.add_input(
                tx, user_id=user_id, task_id=request.task_id, text=request.text, kind=kind, input_id=input_id
            )
            audit.record(tx, caller=user_id, action="add_input", subject_id=input_id)
            return added

        item, task = await self._writer.write(
            lambda tx: once(
                tx,
                sent,
                do=lambda: add(tx),
                again=lambda known_id: _added_before(tx, known_id, user_id),
                id_of=lambda added: added[0].input_id,
            ),
            size_bytes=len(request.text),
        )
        return pb.AddInputResponse(input=wire.input_(item), task=wire.task(task))

    async def StopTask(self, request: pb.StopTaskRequest, context: Context) -> pb.StopTaskResponse:
        user_id = person().user_id
        check_id(request.task_id, "tsk", field="task_id")
        attempt = self._board.of_task(request.task_id)
        present = attempt is not None and self._board.lease_holds(attempt.attempt_id)

        def stop(tx: Tx) -> Task:
            task = asks.stop_task(
                tx, user_id=user_id, task_id=request.task_id, runner_present=present, durations=self._durations
            )
            audit.record(tx, caller=user_id, action="stop_task", subject_id=request.task_id)
            return task

        return pb.StopTaskResponse(task=wire.task(await self._writer.write(stop)))

    async def WatchEvents(
        self, request: pb.WatchEventsRequest, context: Context
    ) -> AsyncIterator[pb.WatchEventsResponse]:
        caller = person()
        if request.task_id:
            await self._task(request.task_id)
        with self._hub.subscribe(
            user_id=caller.user_id, task_id=request.task_id, family_id=caller.family_id
        ) as subscription:
            async for item in watch(self._reader, self._cursors, subscription, after_cursor=request.after_cursor):
                yield item

    async def ListEvents(self, request: pb.ListEventsRequest, context: Context) -> pb.ListEventsResponse:
        size = page_size(request.page_size, default=200, most=500)
        task = await self._task(request.task_id)
        head = await self._reader.one(events.head()) or 0
        after = self._cursors.read(request.after_cursor, head=head)
        if after is None:
            raise Conflict(f"the cursor {request.after_cursor} is not of this history; list from the beginning")
        found = await self._reader.all(events.of_task(task.task_id, after=after, limit=size + 1))
        return pb.ListEventsResponse(
            events=[wire.event(each, cursor=self._cursors.write(each.event_id)) for each in found[:size]],
            has_more=len(found) > size,
        )

    async def ListMessages(self, request: pb.ListMessagesRequest, context: Context) -> pb.ListMessagesResponse:
        size = page_size(request.page_size, default=50, most=100)
        after = number_of(request.page_token)
        task_id = (await self._task(request.task_id)).task_id
        sizes = await self._reader.all(messages.sizes(task_id, after=after, limit=size + 1))
        if not sizes:
            return pb.ListMessagesResponse()
        last = fitting(sizes[:size], limit_bytes=_PAGE_BYTES)
        found = await self._reader.all(messages.between(task_id, after=after, last=last))
        return pb.ListMessagesResponse(
            messages=[wire.message(each) for each in found],
            next_page_token=token_of_number(last) if sizes[-1].event_id > last else "",
        )

    async def ListToolCalls(self, request: pb.ListToolCallsRequest, context: Context) -> pb.ListToolCallsResponse:
        size = page_size(request.page_size, default=50, most=100)
        after = number_of(request.page_token)
        task_id = (await self._task(request.task_id)).task_id
        sizes = await self._reader.all(tool_calls.sizes(task_id, after=after, limit=size + 1))
        if not sizes:
            return pb.ListToolCallsResponse()
        last = fitting(sizes[:size], limit_bytes=_PAGE_BYTES)
        found = await self._reader.all(tool_calls.between(task_id, after=after, last=last))
        return pb.ListToolCallsResponse(
            tool_calls=[wire.tool_call(each) for each in found],
            next_page_token=token_of_number(last) if sizes[-1].event_id > last else "",
        )

    async def _check_room(self) -> None:
        """Raises Exhausted where the disk is nearly full: what is under way may still end, and be stopped."""
        if shortage := await asyncio.to_thread(self._room.shortage):
            log.warning("disk_nearly_full", shortage=shortage)
            raise Exhausted(
                "the disk of this Errand's scheduler is nearly full, so nothing new is taken (stops still work);"
                " its owner must free some, and finds the figures in the scheduler's log",
                retry_after=_ROOM_RETRY,
            )

    async def _task(self, task_id: str) -> Task:
        """The calling user's task. Raises NotFound."""
        user_id = person().user_id
        check_id(task_id, "tsk", field="task_id")
        task = await self._reader.one(tasks.of_user(task_id, user_id))
        if task is None:
            raise NotFound(f"you have no task {task_id}")
        return task


def _sent(request: pb.CreateTaskRequest | pb.AddInputRequest, user_id: str, method: str, request_id: str) -> Request:
    return Request(
        user_id=user_id,
        method=method,
        request_id=check_request_id(request_id),
        fingerprint=fingerprint(request),
    )


def _added_before(tx: Tx, input_id: str, user_id: str) -> tuple[Input, Task]:
    item = tx.one(inputs.by_id(input_id))
    assert item is not None  # inputs are never deleted
    return item, asks.find(tx, task_id=item.task_id, user_id=user_id)
