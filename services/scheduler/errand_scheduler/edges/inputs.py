"""What people write to tasks: add, list, change, take back."""

from collections.abc import Callable

from errand.v1 import task_service_pb2 as pb
from errand_common.errors import NotFound
from errand_common.ids import Ids
from errand_scheduler import wire
from errand_scheduler.access.callers import caller, person
from errand_scheduler.durations import Durations
from errand_scheduler.edges.idempotency import once, sent
from errand_scheduler.edges.requests import check_id, check_input_kind, check_text
from errand_scheduler.lifecycle import asks, input_changes
from errand_scheduler.store import inputs
from errand_scheduler.store.inputs import Input
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer


class Inputs:
    """The inputs of the calling user's tasks."""

    def __init__(self, *, reader: Reader, writer: Writer, ids: Ids, durations: Durations, most_pending: int) -> None:
        self._most_pending = most_pending
        self._reader = reader
        self._writer = writer
        self._ids = ids
        self._durations = durations

    async def add(self, request: pb.AddInputRequest) -> pb.AddInputResponse:
        """Store what a person wrote, once."""
        user_id, note = person().user_id, caller().note
        check_id(request.task_id, "tsk", field="task_id")
        check_text(request.text, field="text")
        kind = check_input_kind(request.kind)
        asked = sent(request, user_id=user_id, method="AddInput", request_id=request.request_id)
        input_id = self._ids.new("inp")

        def add(tx: Tx) -> tuple[Input, Task]:
            added = asks.add_input(
                tx,
                user_id=user_id,
                task_id=request.task_id,
                text=request.text,
                kind=kind,
                input_id=input_id,
                durations=self._durations,
                most_pending=self._most_pending,
            )
            note(tx, "add_input", input_id)
            return added

        item, task = await self._writer.write(
            lambda tx: once(
                tx,
                asked,
                do=lambda: add(tx),
                again=lambda known_id: _added_before(tx, known_id, user_id),
                id_of=lambda added: added[0].input_id,
            ),
            size_bytes=len(request.text),
        )
        return pb.AddInputResponse(input=wire.input_(item), task=wire.task(task))

    async def list(self, task_id: str) -> pb.ListInputsResponse:
        """What waits, oldest first; the caller has checked whose task it is."""
        found = await self._reader.all(inputs.untaken(task_id))
        return pb.ListInputsResponse(inputs=[wire.input_(each) for each in found])

    async def edit(self, request: pb.EditInputRequest) -> pb.EditInputResponse:
        """Replace the text."""
        check_text(request.text, field="text")
        asked = sent(request, user_id=person().user_id, method="EditInput", request_id=request.request_id)
        item = await self._change(
            "edit_input",
            request.input_id,
            lambda tx, user_id: once(
                tx,
                asked,
                do=lambda: input_changes.edit_input(tx, user_id=user_id, input_id=request.input_id, text=request.text),
                again=lambda known_id: input_changes.find(tx, user_id=user_id, input_id=known_id)[0],
                id_of=lambda item: item.input_id,
            ),
            size_bytes=len(request.text),
        )
        return pb.EditInputResponse(input=wire.input_(item))

    async def promote(self, request: pb.PromoteInputRequest) -> pb.PromoteInputResponse:
        """Have it steer."""
        item = await self._change(
            "promote_input",
            request.input_id,
            lambda tx, user_id: input_changes.promote_input(tx, user_id=user_id, input_id=request.input_id),
        )
        return pb.PromoteInputResponse(input=wire.input_(item))

    async def remove(self, request: pb.RemoveInputRequest) -> pb.RemoveInputResponse:
        """Take it back."""
        item = await self._change(
            "remove_input",
            request.input_id,
            lambda tx, user_id: input_changes.remove_input(tx, user_id=user_id, input_id=request.input_id),
        )
        return pb.RemoveInputResponse(input=wire.input_(item))

    async def _change(
        self, action: str, input_id: str, change: Callable[[Tx, str], Input], *, size_bytes: int = 0
    ) -> Input:
        user_id, note = person().user_id, caller().note
        check_id(input_id, "inp", field="input_id")

        def write(tx: Tx) -> Input:
            item = change(tx, user_id)
            note(tx, action, input_id)
            return item

        return await self._writer.write(write, size_bytes=size_bytes)


def _added_before(tx: Tx, input_id: str, user_id: str) -> tuple[Input, Task]:
    item = tx.one(inputs.by_id(input_id))
    if item is None:
        raise NotFound(f"input {input_id}, which this request added, was deleted with the record of its task")
    return item, asks.find(tx, task_id=item.task_id, user_id=user_id)
