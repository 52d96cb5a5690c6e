"""What people do with tasks: /v1/tasks."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from errand_gateway.problems import RESPONSES
from errand_gateway.rest.allowance import AllowanceWish
from errand_gateway.rest.answers import (
    CreateTaskResponse,
    ExplainPendingResponse,
    GetTaskResponse,
    ListTasksResponse,
    RaiseAllowanceResponse,
    RetryTaskResponse,
    StopTaskResponse,
)
from errand_gateway.rest.model_wish import ModelWish
from errand_gateway.rest.pages import page
from errand_gateway.rest.parameters import IdempotencyKey, PageSize, PageToken, SessionToken
from errand_gateway.scheduler.connection import JsonObject
from errand_gateway.scheduler.tasks import Tasks
from errand_gateway.text import Text


class CreateTask(BaseModel):
    """Asks for a new task."""

    project_id: Text
    prompt: Text
    required_labels: Annotated[dict[Text, Text], Field(description="What a runner's labels must hold")] = {}
    model_choice: Annotated[
        ModelWish | None,
        Field(description="For this task alone; what is empty in it, or left out, is as in the project"),
    ] = None
    allowance: Annotated[
        AllowanceWish | None, Field(description="What it may spend, all of it; left out: as its project says")
    ] = None


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
            "/{task_id}/stop",
            self.stop,
            methods=["POST"],
            response_model=StopTaskResponse,
            response_model_exclude_unset=True,
        )
        add(
            "/{task_id}/retry",
            self.retry,
            methods=["POST"],
            response_model=RetryTaskResponse,
            response_model_exclude_unset=True,
        )
        add(
            "/{task_id}/allowance",
            self.raise_allowance,
            methods=["POST"],
            response_model=RaiseAllowanceResponse,
            response_model_exclude_unset=True,
        )
        add(
            "/{task_id}/pending",
            self.explain_pending,
            response_model=ExplainPendingResponse,
            response_model_exclude_unset=True,
        )
        return router

    async def list(self, token: SessionToken, page_size: PageSize = 0, page_token: PageToken = "") -> Response:
        """Lists the caller's tasks, newest first."""
        return page(await self._tasks.list(token, page_size=page_size, page_token=page_token))

    async def create(self, token: SessionToken, body: CreateTask, key: IdempotencyKey = "") -> JsonObject:
        """Creates a task, pending."""
        return await self._tasks.create(
            token,
            request_id=key,
            project_id=body.project_id,
            prompt=body.prompt,
            required_labels=body.required_labels,
            model_choice=None if body.model_choice is None else body.model_choice.plain(),
            allowance=None if body.allowance is None else body.allowance.value(),
        )

    async def get(self, token: SessionToken, task_id: str) -> JsonObject:
        """Reads one task."""
        return await self._tasks.get(token, task_id)

    async def stop(self, token: SessionToken, task_id: str, key: IdempotencyKey = "") -> JsonObject:
        """Stops a task; stopping a final one changes nothing."""
        return await self._tasks.stop(token, task_id, request_id=key)

    async def retry(self, token: SessionToken, task_id: str, key: IdempotencyKey = "") -> JsonObject:
        """Sends a task on that failed, was stopped, or waits for no answer; one under way is left alone."""
        return await self._tasks.retry(token, task_id, request_id=key)

    async def raise_allowance(
        self, token: SessionToken, task_id: str, body: AllowanceWish, key: IdempotencyKey = ""
    ) -> JsonObject:
        """Raises limits of what a task may spend by so much; a task that waits for that goes on."""
        return await self._tasks.raise_allowance(token, task_id, more=body.value(), request_id=key)

    async def explain_pending(self, token: SessionToken, task_id: str) -> JsonObject:
        """Says in words why a task waits, and what each runner lacks for it."""
        return await self._tasks.explain_pending(token, task_id)
