"""What people do with tasks: /v1/tasks."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from errand_gateway.problems import RESPONSES
from errand_gateway.rest.models import (
    AddInputResponse,
    CreateTaskResponse,
    GetTaskResponse,
    ListTasksResponse,
    StopTaskResponse,
)
from errand_gateway.rest.parameters import IdempotencyKey, PageSize, PageToken, SessionToken
from errand_gateway.scheduler.connection import JsonObject
from errand_gateway.scheduler.tasks import Tasks
from errand_gateway.text import Text


class CreateTask(BaseModel):
    """Asks for a new task."""

    project_id: Text
    prompt: Text


class AddInput(BaseModel):
    """Adds what a person wrote."""

    text: Text
    kind: Annotated[
        Literal["queue", "steer"], Field(description="After the turn, or with the next tool results of the running one")
    ] = "queue"


class TaskRoutes:
    """Translates; the scheduler judges."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/tasks", tags=["tasks"], responses=RESPONSES)
        add = router.add_api_route
        add("", self.list, response_model=ListTasksResponse, response_model_exclude_unset=True)
        add(
            "",
            self.create,
            methods=["POST"],
            status_code=201,
            response_model=CreateTaskResponse,
            response_model_exclude_unset=True,
        )
        add("/{task_id}", self.get, response_model=GetTaskResponse, response_model_exclude_unset=True)
        add(
            "/{task_id}/inputs",
            self.add_input,
            methods=["POST"],
            status_code=201,
            response_model=AddInputResponse,
            response_model_exclude_unset=True,
        )
        add(
            "/{task_id}/stop",
            self.stop,
            methods=["POST"],
            response_model=StopTaskResponse,
            response_model_exclude_unset=True,
        )
        return router

    async def list(self, token: SessionToken, page_size: PageSize = 0, page_token: PageToken = "") -> JsonObject:
        """Lists the caller's tasks, newest first."""
        return await self._tasks.list(token, page_size=page_size, page_token=page_token)

    async def create(self, token: SessionToken, body: CreateTask, key: IdempotencyKey = "") -> JsonObject:
        """Creates a task, pending."""
        return await self._tasks.create(token, request_id=key, project_id=body.project_id, prompt=body.prompt)

    async def get(self, token: SessionToken, task_id: str) -> JsonObject:
        """Reads one task."""
        return await self._tasks.get(token, task_id)

    async def add_input(
        self, token: SessionToken, task_id: str, body: AddInput, key: IdempotencyKey = ""
    ) -> JsonObject:
        """Adds what a person wrote; a final task goes on with it."""
        return await self._tasks.add_input(token, request_id=key, task_id=task_id, text=body.text, kind=body.kind)

    async def stop(self, token: SessionToken, task_id: str) -> JsonObject:
        """Stops a task; stopping a final one changes nothing."""
        return await self._tasks.stop(token, task_id)
