"""A signed-in person, and what such a one may do."""

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from errand.v1 import account_service_pb2, event_pb2, task_pb2, task_service_pb2
from errand_common import rpc
from tests.integration.watching import DEADLINE_S, Watch

if TYPE_CHECKING:  # the stubs of the aio flavour are known to the type checker alone
    from errand.v1.account_service_pb2_grpc import AccountServiceAsyncStub
    from errand.v1.task_service_pb2_grpc import TaskServiceAsyncStub

REPOSITORY = "octocat/demo"


@dataclass(frozen=True)
class Person:
    """A signed-in user's way in."""

    access_token: str
    refresh_token: str
    user: task_pb2.User
    tasks: "TaskServiceAsyncStub"
    accounts: "AccountServiceAsyncStub"

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return rpc.bearer(self.access_token)

    async def add_project(self, repository: str = REPOSITORY) -> task_pb2.Project:
        request = account_service_pb2.CreateProjectRequest(repository=repository)
        return (await self.accounts.CreateProject(request, metadata=self.metadata, timeout=DEADLINE_S)).project

    async def create(
        self,
        project_id: str,
        prompt: str = "make it green",
        request_id: str = "",
        model_choice: task_pb2.ModelChoice | None = None,
    ) -> task_pb2.Task:
        request = task_service_pb2.CreateTaskRequest(
            project_id=project_id, prompt=prompt, request_id=request_id, model_choice=model_choice
        )
        return (await self.tasks.CreateTask(request, metadata=self.metadata, timeout=DEADLINE_S)).task

    async def task(self, task_id: str) -> task_pb2.Task:
        request = task_service_pb2.GetTaskRequest(task_id=task_id)
        return (await self.tasks.GetTask(request, metadata=self.metadata, timeout=DEADLINE_S)).task

    async def add_input(
        self, task_id: str, text: str, kind: int = 0, request_id: str = ""
    ) -> task_service_pb2.AddInputResponse:
        request = task_service_pb2.AddInputRequest(
            task_id=task_id,
            text=text,
            kind=kind,  # type: ignore[arg-type]  # a number of the enum
            request_id=request_id,
        )
        return await self.tasks.AddInput(request, metadata=self.metadata, timeout=DEADLINE_S)

    async def stop(self, task_id: str, request_id: str = "") -> task_pb2.Task:
        request = task_service_pb2.StopTaskRequest(task_id=task_id, request_id=request_id)
        return (await self.tasks.StopTask(request, metadata=self.metadata, timeout=DEADLINE_S)).task

    async def retry(self, task_id: str, request_id: str = "") -> task_pb2.Task:
        request = task_service_pb2.RetryTaskRequest(task_id=task_id, request_id=request_id)
        return (await self.tasks.RetryTask(request, metadata=self.metadata, timeout=DEADLINE_S)).task

    async def edit(self, input_id: str, text: str, request_id: str = "") -> task_pb2.Input:
        request = task_service_pb2.EditInputRequest(input_id=input_id, text=text, request_id=request_id)
        return (await self.tasks.EditInput(request, metadata=self.metadata, timeout=DEADLINE_S)).input

    async def events(self, task_id: str) -> list[event_pb2.Event]:
        request = task_service_pb2.ListEventsRequest(task_id=task_id, page_size=500)
        return list((await self.tasks.ListEvents(request, metadata=self.metadata, timeout=DEADLINE_S)).events)

    async def statuses(self, task_id: str) -> list[int]:
        """The way that the task went; changes of the reason alone are left out."""
        events = await self.events(task_id)
        bodies = [each.body for each in events if each.body.WhichOneof("kind") == "task_status_changed"]
        return [status for status, _ in groupby(body.task_status_changed.status for body in bodies)]

    def watch(self, task_id: str = "", after_cursor: str = "") -> Watch:
        request = task_service_pb2.WatchEventsRequest(task_id=task_id, after_cursor=after_cursor)
        return Watch(self.tasks.WatchEvents(request, metadata=self.metadata, timeout=DEADLINE_S))

    async def until_status(self, task_id: str, status: int) -> task_pb2.Task:
        """Follows the task's events until it stands there."""
        watch = self.watch(task_id)
        while (task := await self.task(task_id)).status != status:
            await watch.next()
        watch.cancel()
        return task
