"""TaskService: what people do with tasks."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import grpc
import structlog

from errand.v1 import task_service_pb2 as pb
from errand.v1.task_service_pb2_grpc import TaskServiceServicer
from errand_common import labels
from errand_common.errors import Exhausted, Invalid, NotFound
from errand_common.ids import Ids
from errand_scheduler import wire
from errand_scheduler.access.callers import caller, person
from errand_scheduler.board import Board
from errand_scheduler.durations import Durations
from errand_scheduler.edges.allowance import allowance_of
from errand_scheduler.edges.blobs import Blobs
from errand_scheduler.edges.explain import Explanations
from errand_scheduler.edges.history import History
from errand_scheduler.edges.idempotency import Request, once, sent
from errand_scheduler.edges.inputs import Inputs
from errand_scheduler.edges.model_choice import model_choice_of
from errand_scheduler.edges.requests import check_id, check_text, fitting, page_size, place_of, token_of
from errand_scheduler.edges.watch import watch
from errand_scheduler.lifecycle import asks, raises, retries
from errand_scheduler.store import judgements, tasks
from errand_scheduler.store.allowance import Allowance
from errand_scheduler.store.paging import Place
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer
from errand_scheduler.watching.cursors import Cursors
from errand_scheduler.watching.hub import Hub
from errand_scheduler.watching.recent_room import RecentRoom

Context = grpc.aio.ServicerContext[Any, Any]

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
        hub: Hub,
        cursors: Cursors,
        durations: Durations,
        room: RecentRoom,
        blobs: Blobs,
        most_pending: int,
        default_allowance: Allowance,
        explanations: Explanations,
    ) -> None:
        self._explanations = explanations
        self._inputs = Inputs(reader=reader, writer=writer, ids=ids, durations=durations, most_pending=most_pending)
        self._history = History(reader, cursors)
        self._most_pending = most_pending
        self._default_allowance = default_allowance
        self._blobs = blobs
        self._room = room
        self._reader = reader
        self._writer = writer
        self._ids = ids
        self._board = board
        self._hub = hub
        self._cursors = cursors
        self._durations = durations

    async def CreateTask(self, request: pb.CreateTaskRequest, context: Context) -> pb.CreateTaskResponse:
        user_id, note = person().user_id, caller().note
        check_id(request.project_id, "prj", field="project_id")
        check_text(request.prompt, field="prompt")
        await self._check_room()
        required_labels, model_choice = _labels(request), model_choice_of(request.model_choice)
        allowance = allowance_of(request.allowance) if request.HasField("allowance") else None
        asked = sent(request, user_id=user_id, method="CreateTask", request_id=request.request_id)
        task_id, input_id = self._ids.new("tsk"), self._ids.new("inp")

        def create(tx: Tx) -> Task:
            task = asks.create_task(
                tx,
                user_id=user_id,
                project_id=request.project_id,
                prompt=request.prompt,
                task_id=task_id,
                input_id=input_id,
                durations=self._durations,
                most_pending=self._most_pending,
                required_labels=required_labels,
                model_choice=model_choice,
                allowance=allowance,
                default_allowance=self._default_allowance,
            )
            note(tx, "create_task", task_id)
            return task

        task = await self._writer.write(lambda tx: _once(tx, asked, create), size_bytes=len(request.prompt))
        return pb.CreateTaskResponse(task=wire.task(task))

    async def GetTask(self, request: pb.GetTaskRequest, context: Context) -> pb.GetTaskResponse:
        user_id = person().user_id
        check_id(request.task_id, "tsk", field="task_id")
        found = await self._reader.one(judgements.task_with_card(request.task_id, user_id))
        if found is None:
            raise _not_yours(request.task_id)
        task, card = wire.task(found[0]), found[1]
        if card:
            task.finish_card.ParseFromString(card)
        return pb.GetTaskResponse(task=task)

    async def ListTasks(self, request: pb.ListTasksRequest, context: Context) -> pb.ListTasksResponse:
        size = page_size(request.page_size, default=50, most=100)
        after = place_of(request.page_token)
        found = await self._reader.all(tasks.page(person().user_id, after=after, limit=size + 1))
        shown = fitting([wire.task(task) for task in found[:size]])
        last = found[len(shown) - 1] if len(found) > len(shown) else None
        return pb.ListTasksResponse(
            tasks=shown, next_page_token="" if last is None else token_of(Place(last.created_time, last.task_id))
        )

    async def ExplainPending(self, request: pb.ExplainPendingRequest, context: Context) -> pb.ExplainPendingResponse:
        user_id = person().user_id
        check_id(request.task_id, "tsk", field="task_id")
        return await self._explanations.explain(user_id, request.task_id)

    async def AddInput(self, request: pb.AddInputRequest, context: Context) -> pb.AddInputResponse:
        await self._check_room()
        return await self._inputs.add(request)

    async def ListInputs(self, request: pb.ListInputsRequest, context: Context) -> pb.ListInputsResponse:
        return await self._inputs.list((await self._task(request.task_id)).task_id)

    async def EditInput(self, request: pb.EditInputRequest, context: Context) -> pb.EditInputResponse:
        await self._check_room()
        return await self._inputs.edit(request)

    async def PromoteInput(self, request: pb.PromoteInputRequest, context: Context) -> pb.PromoteInputResponse:
        return await self._inputs.promote(request)

    async def RemoveInput(self, request: pb.RemoveInputRequest, context: Context) -> pb.RemoveInputResponse:
        return await self._inputs.remove(request)

    async def RetryTask(self, request: pb.RetryTaskRequest, context: Context) -> pb.RetryTaskResponse:
        user_id, note = person().user_id, caller().note
        check_id(request.task_id, "tsk", field="task_id")
        await self._check_room()
        asked = sent(request, user_id=user_id, method="RetryTask", request_id=request.request_id)

        def retry(tx: Tx) -> Task:
            task = retries.retry_task(
                tx,
                user_id=user_id,
                task_id=request.task_id,
                durations=self._durations,
                most_pending=self._most_pending,
            )
            note(tx, "retry_task", request.task_id)
            return task

        task = await self._writer.write(lambda tx: _once(tx, asked, retry))
        return pb.RetryTaskResponse(task=wire.task(task))

    async def RaiseAllowance(self, request: pb.RaiseAllowanceRequest, context: Context) -> pb.RaiseAllowanceResponse:
        user_id, note = person().user_id, caller().note
        check_id(request.task_id, "tsk", field="task_id")
        more = allowance_of(request.more)
        asked = sent(request, user_id=user_id, method="RaiseAllowance", request_id=request.request_id)

        def rise(tx: Tx) -> Task:
            task = raises.raise_allowance(
                tx,
                user_id=user_id,
                task_id=request.task_id,
                more=more,
                durations=self._durations,
                most_pending=self._most_pending,
            )
            note(tx, "raise_allowance", request.task_id)
            return task

        task = await self._writer.write(lambda tx: _once(tx, asked, rise))
        return pb.RaiseAllowanceResponse(task=wire.task(task))

    async def StopTask(self, request: pb.StopTaskRequest, context: Context) -> pb.StopTaskResponse:
        user_id, note = person().user_id, caller().note
        check_id(request.task_id, "tsk", field="task_id")
        attempt = self._board.of_task(request.task_id)
        present = attempt is not None and self._board.lease_holds(attempt.attempt_id)
        asked = sent(request, user_id=user_id, method="StopTask", request_id=request.request_id)

        def stop(tx: Tx) -> Task:
            task = asks.stop_task(
                tx, user_id=user_id, task_id=request.task_id, runner_present=present, durations=self._durations
            )
            note(tx, "stop_task", request.task_id)
            return task

        task = await self._writer.write(lambda tx: _once(tx, asked, stop), urgent=True)
        return pb.StopTaskResponse(task=wire.task(task))

    async def WatchEvents(
        self, request: pb.WatchEventsRequest, context: Context
    ) -> AsyncIterator[pb.WatchEventsResponse]:
        user_id = person().user_id
        if request.task_id:
            await self._task(request.task_id)
        with self._hub.subscribe(user_id=user_id, task_id=request.task_id) as subscription:
            async for item in watch(self._reader, self._cursors, subscription, after_cursor=request.after_cursor):
                yield item

    async def ListEvents(self, request: pb.ListEventsRequest, context: Context) -> pb.ListEventsResponse:
        await self._task(request.task_id)
        return await self._history.events(request)

    async def ListMessages(self, request: pb.ListMessagesRequest, context: Context) -> pb.ListMessagesResponse:
        await self._task(request.task_id)
        return await self._history.messages(request)

    async def ListToolCalls(self, request: pb.ListToolCallsRequest, context: Context) -> pb.ListToolCallsResponse:
        await self._task(request.task_id)
        return await self._history.tool_calls(request)

    async def GetBlob(self, request: pb.GetBlobRequest, context: Context) -> AsyncIterator[pb.GetBlobResponse]:
        task = await self._task(request.task_id)
        async for piece in self._blobs.get(task.task_id, request.sha256):
            yield piece

    async def _check_room(self) -> None:
        """Raises Exhausted where the disk is nearly full: what is under way may still end, and be stopped."""
        if shortage := await self._room.shortage():
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
            raise _not_yours(task_id)
        return task


def _not_yours(task_id: str) -> NotFound:
    return NotFound(f"you have no task {task_id}")


def _once(tx: Tx, asked: Request, do: Callable[[Tx], Task]) -> Task:
    return once(
        tx,
        asked,
        do=lambda: do(tx),
        again=lambda known_id: asks.find(tx, task_id=known_id, user_id=asked.user_id),
        id_of=lambda task: task.task_id,
    )


def _labels(request: pb.CreateTaskRequest) -> dict[str, str]:
    try:
        return labels.check(request.required_labels)
    except ValueError as exc:
        raise Invalid(f"required_labels: {exc}") from exc
