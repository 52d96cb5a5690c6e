"""A small scheduler in memory behind real gRPC and TLS: it remembers what it was asked, and refuses on demand."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from errand.v1 import account_service_pb2 as accounts
from errand.v1 import task_pb2 as nouns
from errand.v1 import task_service_pb2 as tasks
from errand.v1.account_service_pb2_grpc import AccountServiceServicer, add_AccountServiceServicer_to_server
from errand.v1.task_service_pb2_grpc import TaskServiceServicer, add_TaskServiceServicer_to_server
from errand_common import rpc
from errand_common.errors import NotFound, Unauthenticated, Unavailable
from errand_common.wire import duration, timestamp
from tests.unit.gateway.history_double import History
from tests.unit.gateway.scheduler_tls import certificates

SERVICE_TOKEN = "egw_the-gateways-own-token"
NOON_US = 1_764_000_000_123_456
NOON = "2025-11-24T16:00:00.123456Z"

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True)
class Call:
    """What a method was asked, and under which credential."""

    method: str
    token: str
    request_id: str
    request: Message


class SchedulerDouble:
    """One user with one project. `refusals` maps a method to what it answers instead."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.refusals: dict[str, Exception] = {}
        self.sessions: set[str] = set()
        self.users: dict[str, str] = {}
        self.tasks: dict[str, nouns.Task] = {}
        self.messages: list[nouns.Message] = []
        self.tool_calls: list[nouns.ToolCall] = []
        self.inputs: dict[str, nouns.Input] = {}
        self.blobs: dict[str, list[bytes]] = {}
        self.day: nouns.DayMoney | None = None
        self.project_settings: dict[str, Any] = {}
        self.secrets: dict[str, accounts.ProjectSecret] = {}
        self.history = History()
        self.role = nouns.USER_ROLE_MEMBER
        self.port = 0
        self._server: grpc.aio.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen; after a stop, on the same port and with the same memory."""
        made = certificates()
        self._server = rpc.server([rpc.Boundary(self._around)])
        add_TaskServiceServicer_to_server(_Tasks(self), self._server)
        add_AccountServiceServicer_to_server(_Accounts(self), self._server)
        credentials = grpc.ssl_server_credentials([(made.key, made.certificate)])
        self.port = self._server.add_secure_port(f"127.0.0.1:{self.port}", credentials)
        await self._server.start()

    async def stop(self) -> None:
        """Drop everything at once, open streams too."""
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None

    def new_session(self, user_id: str = "usr_ada") -> str:
        token = f"ers_session-{len(self.users) + 1}-of-{user_id}"
        self.sessions.add(token)
        self.users[token] = user_id
        return token

    def revoke(self, token: str) -> None:
        self.sessions.discard(token)
        self.history.end_session(token)

    def asked(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    def page_asked(self, method: str) -> tuple[int, str]:
        """The size and token of the page that the first of these calls asked for."""
        request = self.asked(method)[0].request
        return request.page_size, request.page_token  # type: ignore[attr-defined]

    def record(self, method: str, request: Message, context: Context) -> str:
        """Remember the call; returns its token. Raises what it is told to refuse with."""
        metadata = {key: str(value) for key, value in context.invocation_metadata() or ()}
        token = metadata.get("authorization", "").removeprefix("Bearer ")
        self.calls.append(Call(method, token, metadata.get("x-request-id", ""), request))
        if method in self.refusals:
            raise self.refusals[method]
        return token

    def user(self, method: str, request: Message, context: Context) -> str:
        """`record` for a method that acts as a user."""
        token = self.record(method, request, context)
        if token not in self.sessions:
            raise Unauthenticated("the session is unknown or over; sign in again")
        return token

    def user_message(self, token: str) -> nouns.User:
        return nouns.User(
            user_id=self.users[token],
            github_id=2**40,
            github_username="ada",
            created_time=timestamp(NOON_US),
            role=self.role,
        )

    @asynccontextmanager
    async def _around(self, method: str, context: Context) -> AsyncIterator[None]:
        yield


class _Accounts(AccountServiceServicer):
    def __init__(self, double: SchedulerDouble) -> None:
        self._double = double

    def _service(self, method: str, request: Message, context: Context) -> None:
        if self._double.record(method, request, context) != SERVICE_TOKEN:
            raise Unauthenticated("not a service token")

    def _tokens(self) -> accounts.SessionTokens:
        return accounts.SessionTokens(
            access_token=self._double.new_session(),
            access_duration=duration(3600.0),
            refresh_token=f"err_refresh-{len(self._double.users)}",
            refresh_duration=duration(86400.0),
        )

    async def CompleteSignIn(self, request: accounts.CompleteSignInRequest, context: Context) -> Any:
        self._service("CompleteSignIn", request, context)
        tokens = self._tokens()
        user = self._double.user_message(tokens.access_token)
        return accounts.CompleteSignInResponse(user=user, tokens=tokens)

    async def RedeemSignInLink(self, request: accounts.RedeemSignInLinkRequest, context: Context) -> Any:
        self._service("RedeemSignInLink", request, context)
        tokens = self._tokens()
        return accounts.RedeemSignInLinkResponse(user=self._double.user_message(tokens.access_token), tokens=tokens)

    async def RefreshSession(self, request: accounts.RefreshSessionRequest, context: Context) -> Any:
        self._service("RefreshSession", request, context)
        return accounts.RefreshSessionResponse(tokens=self._tokens())

    async def EndSession(self, request: accounts.EndSessionRequest, context: Context) -> Any:
        self._double.revoke(self._double.user("EndSession", request, context))
        return accounts.EndSessionResponse()

    async def GetMe(self, request: accounts.GetMeRequest, context: Context) -> Any:
        token = self._double.user("GetMe", request, context)
        return accounts.GetMeResponse(user=self._double.user_message(token), day=self._double.day)

    async def CreateProject(self, request: accounts.CreateProjectRequest, context: Context) -> Any:
        self._double.user("CreateProject", request, context)
        return accounts.CreateProjectResponse(project=_project(request.repository, self._double.project_settings))

    async def PutGitCredential(self, request: accounts.PutGitCredentialRequest, context: Context) -> Any:
        self._double.user("PutGitCredential", request, context)
        return accounts.PutGitCredentialResponse(credential=_git_credential(request.host, request.username))

    async def ListGitCredentials(self, request: accounts.ListGitCredentialsRequest, context: Context) -> Any:
        self._double.user("ListGitCredentials", request, context)
        kept = [_git_credential("git.example.org", "ada")]
        return accounts.ListGitCredentialsResponse(credentials=kept, hosts=["git.example.org", "other:3000"])

    async def RemoveGitCredential(self, request: accounts.RemoveGitCredentialRequest, context: Context) -> Any:
        self._double.user("RemoveGitCredential", request, context)
        return accounts.RemoveGitCredentialResponse()

    async def UpdateProject(self, request: accounts.UpdateProjectRequest, context: Context) -> Any:
        self._double.user("UpdateProject", request, context)
        changed: dict[str, Any] = {
            name: getattr(request, name)
            for name in ("image", "setup_script", "egress", "model_choice", "check", "allowance", "draft_pull_requests")
            if request.HasField(name)
        }
        if request.HasField("read_repositories"):
            changed["read_repositories"] = list(request.read_repositories.repositories)
        self._double.project_settings |= changed
        return accounts.UpdateProjectResponse(project=_project("ada/engine", self._double.project_settings))

    async def SetProjectSecret(self, request: accounts.SetProjectSecretRequest, context: Context) -> Any:
        self._double.user("SetProjectSecret", request, context)
        secret = accounts.ProjectSecret(
            name=request.name, agent_may_read=request.agent_may_read, set_time=timestamp(NOON_US)
        )
        self._double.secrets[request.name] = secret
        return accounts.SetProjectSecretResponse(secret=secret)

    async def RemoveProjectSecret(self, request: accounts.RemoveProjectSecretRequest, context: Context) -> Any:
        self._double.user("RemoveProjectSecret", request, context)
        self._double.secrets.pop(request.name, None)
        return accounts.RemoveProjectSecretResponse()

    async def ListProjectSecrets(self, request: accounts.ListProjectSecretsRequest, context: Context) -> Any:
        self._double.user("ListProjectSecrets", request, context)
        return accounts.ListProjectSecretsResponse(secrets=sorted(self._double.secrets.values(), key=lambda s: s.name))

    async def AllowHost(self, request: accounts.AllowHostRequest, context: Context) -> Any:
        self._double.user("AllowHost", request, context)
        return accounts.AllowHostResponse(project=_project("ada/engine", self._double.project_settings))

    async def ListEgressPresets(self, request: accounts.ListEgressPresetsRequest, context: Context) -> Any:
        self._double.user("ListEgressPresets", request, context)
        preset = accounts.EgressPreset(name="python", title="Python", hosts=["registry.example"])
        return accounts.ListEgressPresetsResponse(presets=[preset])

    async def ListRepositories(self, request: accounts.ListRepositoriesRequest, context: Context) -> Any:
        self._double.user("ListRepositories", request, context)
        found = accounts.Repository(repository="ada/engine", default_branch="trunk", private=True, may_push=False)
        return accounts.ListRepositoriesResponse(repositories=[found], next_page_token="older")

    async def ListProjects(self, request: accounts.ListProjectsRequest, context: Context) -> Any:
        self._double.user("ListProjects", request, context)
        return accounts.ListProjectsResponse(
            projects=[_project("ada/engine", self._double.project_settings)], next_page_token="older"
        )


class _Tasks(TaskServiceServicer):
    def __init__(self, double: SchedulerDouble) -> None:
        self._double = double

    def _task(self, task_id: str) -> nouns.Task:
        task = self._double.tasks.get(task_id)
        if task is None:
            raise NotFound(f"there is no task {task_id}")
        return task

    async def CreateTask(self, request: tasks.CreateTaskRequest, context: Context) -> Any:
        self._double.user("CreateTask", request, context)
        task = new_task(f"tsk_{len(self._double.tasks) + 1}", request.project_id, request.prompt)
        task.required_labels.update(request.required_labels)
        if request.HasField("allowance"):
            task.allowance.CopyFrom(request.allowance)
        self._double.tasks[task.task_id] = task
        return tasks.CreateTaskResponse(task=task)

    async def GetTask(self, request: tasks.GetTaskRequest, context: Context) -> Any:
        self._double.user("GetTask", request, context)
        return tasks.GetTaskResponse(task=self._task(request.task_id))

    async def ListTasks(self, request: tasks.ListTasksRequest, context: Context) -> Any:
        self._double.user("ListTasks", request, context)
        return tasks.ListTasksResponse(tasks=list(self._double.tasks.values()), next_page_token="older")

    async def AddInput(self, request: tasks.AddInputRequest, context: Context) -> Any:
        self._double.user("AddInput", request, context)
        added = nouns.Input(
            input_id="inp_1",
            task_id=request.task_id,
            text=request.text,
            kind=request.kind,
            created_time=timestamp(NOON_US),
        )
        self._double.inputs[added.input_id] = added
        return tasks.AddInputResponse(input=added, task=self._task(request.task_id))

    async def ListInputs(self, request: tasks.ListInputsRequest, context: Context) -> Any:
        self._double.user("ListInputs", request, context)
        own = [each for each in self._double.inputs.values() if each.task_id == request.task_id]
        return tasks.ListInputsResponse(inputs=[each for each in own if not each.taken and not each.removed])

    async def EditInput(self, request: tasks.EditInputRequest, context: Context) -> Any:
        self._double.user("EditInput", request, context)
        found = self._double.inputs[request.input_id]
        found.text = request.text
        return tasks.EditInputResponse(input=found)

    async def PromoteInput(self, request: tasks.PromoteInputRequest, context: Context) -> Any:
        self._double.user("PromoteInput", request, context)
        found = self._double.inputs[request.input_id]
        found.kind = nouns.INPUT_KIND_STEER
        return tasks.PromoteInputResponse(input=found)

    async def RemoveInput(self, request: tasks.RemoveInputRequest, context: Context) -> Any:
        self._double.user("RemoveInput", request, context)
        found = self._double.inputs[request.input_id]
        found.removed = True
        return tasks.RemoveInputResponse(input=found)

    async def RetryTask(self, request: tasks.RetryTaskRequest, context: Context) -> Any:
        self._double.user("RetryTask", request, context)
        return tasks.RetryTaskResponse(task=self._task(request.task_id))

    async def RaiseAllowance(self, request: tasks.RaiseAllowanceRequest, context: Context) -> Any:
        self._double.user("RaiseAllowance", request, context)
        return tasks.RaiseAllowanceResponse(task=self._task(request.task_id))

    async def ExplainPending(self, request: tasks.ExplainPendingRequest, context: Context) -> Any:
        self._double.user("ExplainPending", request, context)
        obstacle = tasks.RunnerObstacle(runner="local", reason="it has no free slot")
        return tasks.ExplainPendingResponse(reason="every slot is taken", runners=[obstacle], ahead=2)

    async def GetBlob(self, request: tasks.GetBlobRequest, context: Context) -> AsyncIterator[tasks.GetBlobResponse]:
        self._double.user("GetBlob", request, context)
        if request.sha256 not in self._double.blobs:
            raise NotFound(f"nothing of {request.task_id} refers to {request.sha256}")
        for chunk in self._double.blobs[request.sha256]:
            if not chunk:
                raise Unavailable("the disk broke half way")
            yield tasks.GetBlobResponse(chunk=chunk)

    async def StopTask(self, request: tasks.StopTaskRequest, context: Context) -> Any:
        self._double.user("StopTask", request, context)
        task = self._task(request.task_id)
        task.status = nouns.TASK_STATUS_CANCELLED
        return tasks.StopTaskResponse(task=task)

    async def WatchEvents(
        self, request: tasks.WatchEventsRequest, context: Context
    ) -> AsyncIterator[tasks.WatchEventsResponse]:
        token = self._double.user("WatchEvents", request, context)
        if request.task_id:
            self._task(request.task_id)
        async for response in self._double.history.watch(token, request.task_id, request.after_cursor):
            yield response

    async def ListEvents(self, request: tasks.ListEventsRequest, context: Context) -> Any:
        self._double.user("ListEvents", request, context)
        return tasks.ListEventsResponse(events=self._double.history.events, has_more=True)

    async def ListMessages(self, request: tasks.ListMessagesRequest, context: Context) -> Any:
        self._double.user("ListMessages", request, context)
        return tasks.ListMessagesResponse(messages=self._double.messages, next_page_token="newer")

    async def ListToolCalls(self, request: tasks.ListToolCallsRequest, context: Context) -> Any:
        self._double.user("ListToolCalls", request, context)
        return tasks.ListToolCallsResponse(tool_calls=self._double.tool_calls, next_page_token="newer")


def new_task(task_id: str, project_id: str = "prj_1", prompt: str = "do it") -> nouns.Task:
    """A pending task."""
    return nouns.Task(
        task_id=task_id,
        project_id=project_id,
        status=nouns.TASK_STATUS_PENDING,
        status_reason="waits for a runner",
        prompt=prompt,
        branch=f"errand/{task_id}",
        usage=nouns.Usage(input_tokens=3),
        created_time=timestamp(NOON_US),
    )


def _git_credential(host: str, username: str) -> accounts.GitCredential:
    return accounts.GitCredential(host=host, username=username, created_time=timestamp(NOON_US))


def _project(repository: str, settings: Mapping[str, Any]) -> nouns.Project:
    return nouns.Project(
        project_id="prj_1",
        repo_url=f"https://github.com/{repository}.git",
        repository=repository,
        default_branch="main",
        created_time=timestamp(NOON_US),
        **settings,
    )
