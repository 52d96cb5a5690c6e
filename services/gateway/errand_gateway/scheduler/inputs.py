"""The part of TaskService that is about what people write, as plain values."""

from errand.v1.task_pb2 import InputKind
from errand.v1.task_service_pb2 import (
    AddInputRequest,
    EditInputRequest,
    ListInputsRequest,
    PromoteInputRequest,
    RemoveInputRequest,
)
from errand_common.wire import number
from errand_gateway.scheduler.connection import Connection, JsonObject


class Inputs:
    """Every method acts as the session whose token it is given, and raises ErrandError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, token: str, *, request_id: str, task_id: str, text: str, kind: str) -> JsonObject:
        """Add what a person wrote, or return what `request_id` added. `kind` is a word of InputKind."""
        request = AddInputRequest(request_id=request_id, task_id=task_id, text=text, kind=number(InputKind, kind))
        return await self._connection.read(self._connection.tasks.AddInput, request, token=token)

    async def list(self, token: str, task_id: str) -> JsonObject:
        """List what no message carries yet, oldest first."""
        request = ListInputsRequest(task_id=task_id)
        return await self._connection.read(self._connection.tasks.ListInputs, request, token=token)

    async def edit(self, token: str, input_id: str, *, request_id: str, text: str) -> JsonObject:
        """Replace the text of one that no message carries yet, once for a `request_id`."""
        request = EditInputRequest(input_id=input_id, text=text, request_id=request_id)
        return await self._connection.read(self._connection.tasks.EditInput, request, token=token)

    async def promote(self, token: str, input_id: str) -> JsonObject:
        """Make a queued one steer."""
        request = PromoteInputRequest(input_id=input_id)
        return await self._connection.read(self._connection.tasks.PromoteInput, request, token=token)

    async def remove(self, token: str, input_id: str) -> JsonObject:
        """Take one back."""
        request = RemoveInputRequest(input_id=input_id)
        return await self._connection.read(self._connection.tasks.RemoveInput, request, token=token)
