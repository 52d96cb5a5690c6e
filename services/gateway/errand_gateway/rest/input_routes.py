"""What people write to a task: /v1/tasks/{task_id}/inputs and /v1/inputs."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from errand_gateway.problems import RESPONSES
from errand_gateway.rest.answers import (
    AddInputResponse,
    EditInputResponse,
    ListInputsResponse,
    PromoteInputResponse,
    RemoveInputResponse,
)
from errand_gateway.rest.parameters import IdempotencyKey, SessionToken
from errand_gateway.scheduler.connection import JsonObject
from errand_gateway.scheduler.inputs import Inputs
from errand_gateway.text import Text


class AddInput(BaseModel):
    """Adds what a person wrote."""

    text: Text
    kind: Annotated[
        Literal["queue", "steer", "answer"],
        Field(
            description="After the turn, with the next tool results of the running one, or as the answer to the "
            "question that the task waits for"
        ),
    ] = "queue"


class EditInput(BaseModel):
    """Replaces what a person wrote."""

    text: Text


class InputRoutes:
    """Translates; the scheduler judges."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["inputs"], responses=RESPONSES)
        add = router.add_api_route
        add(
            "/tasks/{task_id}/inputs",
            self.list,
            response_model=ListInputsResponse,
            response_model_exclude_unset=True,
        )
        add(
            "/tasks/{task_id}/inputs",
            self.add,
            methods=["POST"],
            status_code=201,
            response_model=AddInputResponse,
            response_model_exclude_unset=True,
        )
        add(
            "/inputs/{input_id}",
            self.edit,
            methods=["PATCH"],
            response_model=EditInputResponse,
            response_model_exclude_unset=True,
        )
        add(
            "/inputs/{input_id}",
            self.remove,
            methods=["DELETE"],
            response_model=RemoveInputResponse,
            response_model_exclude_unset=True,
        )
        add(
            "/inputs/{input_id}/promote",
            self.promote,
            methods=["POST"],
            response_model=PromoteInputResponse,
            response_model_exclude_unset=True,
        )
        return router

    async def list(self, token: SessionToken, task_id: str) -> JsonObject:
        """Lists what was written and no message carries yet, oldest first: at most 100."""
        return await self._inputs.list(token, task_id)

    async def add(self, token: SessionToken, task_id: str, body: AddInput, key: IdempotencyKey = "") -> JsonObject:
        """Adds what a person wrote; a final task goes on with it."""
        return await self._inputs.add(token, request_id=key, task_id=task_id, text=body.text, kind=body.kind)

    async def edit(self, token: SessionToken, input_id: str, body: EditInput, key: IdempotencyKey = "") -> JsonObject:
        """Replaces the text of an input that no message carries yet."""
        return await self._inputs.edit(token, input_id, request_id=key, text=body.text)

    async def remove(self, token: SessionToken, input_id: str) -> JsonObject:
        """Takes an input back that no message carries yet; again changes nothing."""
        return await self._inputs.remove(token, input_id)

    async def promote(self, token: SessionToken, input_id: str) -> JsonObject:
        """Makes a queued input steer; again changes nothing."""
        return await self._inputs.promote(token, input_id)
