"""A scheduler on a real port, a GitHub beside it, a signed-in person, and a runner that does what it is told."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Self

import grpc

from errand.v1 import account_service_pb2, event_pb2, runner_pb2, task_pb2, task_service_pb2
from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand.v1.task_service_pb2_grpc import TaskServiceStub
from errand_common import rpc
from errand_common.clock import Clock
from errand_common.errors import from_rpc_error
from errand_common.ids import Ids
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.server import scheduler
from tests.standins.github import GitHubStandin
from tests.standins.github.git import git

if TYPE_CHECKING:  # the stubs of the aio flavour are known to the type checker alone
    from errand.v1.account_service_pb2_grpc import AccountServiceAsyncStub
    from errand.v1.dispatch_service_pb2_grpc import DispatchServiceAsyncStub
    from errand.v1.task_service_pb2_grpc import TaskServiceAsyncStub

IDS = Ids(Clock())
DEADLINE_S = 20.0
REPOSITORY = "octocat/demo"


def settings(data: Path, github: GitHubStandin, *, beat_s: float = 0.5, **others: str) -> SchedulerSettings:
    return SchedulerSettings.model_validate(
        {
            "ERRAND_GITHUB_CLIENT_ID": "Iv23test",
            "ERRAND_DATA": data,
            "ERRAND_LISTEN": "127.0.0.1:0",
            "ERRAND_GITHUB_URL": github.url,
            "ERRAND_GITHUB_API_URL": github.api_url,
            "ERRAND_ALLOWED_USERS": "Octocat, hubot",
            "ERRAND_BEAT_SECONDS": beat_s,
            **others,
        }
    )


def single_user_settings(
    data: Path, github: GitHubStandin, token: str, *, beat_s: float = 0.5, **others: str
) -> SchedulerSettings:
    """The mode in which the owner of a token is the only user."""
    others = {"ERRAND_GITHUB_CLIENT_ID": None, "ERRAND_GITHUB_TOKEN": token, **others}  # type: ignore[dict-item]
    return settings(data, github, beat_s=beat_s, **others)


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

    async def create(self, project_id: str, prompt: str = "make it green", request_id: str = "") -> task_pb2.Task:
        request = task_service_pb2.CreateTaskRequest(project_id=project_id, prompt=prompt, request_id=request_id)
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

    async def stop(self, task_id: str) -> task_pb2.Task:
        request = task_service_pb2.StopTaskRequest(task_id=task_id)
        return (await self.tasks.StopTask(request, metadata=self.metadata, timeout=DEADLINE_S)).task

    async def events(self, task_id: str) -> list[event_pb2.Event]:
        request = task_service_pb2.ListEventsRequest(task_id=task_id, page_size=500)
        return list((await self.tasks.ListEvents(request, metadata=self.metadata, timeout=DEADLINE_S)).events)

    async def statuses(self, task_id: str) -> list[int]:
        """The way that the task went; changes of the reason alone are left out."""
        events = await self.events(task_id)
        bodies = [each.body for each in events if each.body.WhichOneof("kind") == "task_status_changed"]
        return [status for status, _ in groupby(body.task_status_changed.status for body in bodies)]

    def watch(self, task_id: str = "", after_cursor: str = "") -> "Watch":
        request = task_service_pb2.WatchEventsRequest(task_id=task_id, after_cursor=after_cursor)
        return Watch(self.tasks.WatchEvents(request, metadata=self.metadata, timeout=DEADLINE_S))

    async def until_status(self, task_id: str, status: int) -> task_pb2.Task:
        """Follows the task's events until it stands there."""
        watch = self.watch(task_id)
        while (task := await self.task(task_id)).status != status:
            await watch.next()
        watch.cancel()
        return task


@dataclass(frozen=True)
class Seen:
    """One thing of a watch."""

    kind: str
    event: event_pb2.Event = field(default_factory=event_pb2.Event)
    delta: event_pb2.Delta = field(default_factory=event_pb2.Delta)
    cursor: str = ""


def things(response: task_service_pb2.WatchEventsResponse) -> Iterator[Seen]:
    """What a message tells, in the order of its fields."""
    if response.HasField("reset"):
        yield Seen("reset", cursor=response.reset.cursor)
    yield from (Seen("delta", delta=delta) for delta in response.deltas)
    yield from (Seen("event", event=event, cursor=event.cursor) for event in response.events)
    if response.HasField("caught_up"):
        yield Seen("caught_up", cursor=response.caught_up.cursor)
    yield from (Seen("snapshot", delta=delta) for delta in response.snapshots)


class Watch:
    """A stream of a task's, or a user's, events."""

    def __init__(
        self,
        call: "grpc.aio.UnaryStreamCall[task_service_pb2.WatchEventsRequest, task_service_pb2.WatchEventsResponse]",
    ) -> None:
        self.call = call
        self._seen: deque[Seen] = deque()

    async def next(self) -> Seen:
        """The next thing, one at a time."""
        while not self._seen:
            item = await self.call.read()
            assert isinstance(item, task_service_pb2.WatchEventsResponse), "the stream ended"
            self._seen.extend(things(item))
        return self._seen.popleft()

    async def until_caught_up(self) -> list[event_pb2.Event]:
        """The replayed events."""
        events = []
        while (item := await self.next()).kind != "caught_up":
            events.append(item.event)
        return events

    def cancel(self) -> None:
        self.call.cancel()


@dataclass(frozen=True)
class Stack:
    """A running scheduler and the ways into it."""

    data: Path
    address: str
    channel: grpc.aio.Channel
    github: GitHubStandin
    stop: Callable[[], Awaitable[None]]
    """Stops the scheduler, as a signal would, while the channel stays."""

    @property
    def gateway_token(self) -> str:
        return self.token_of("gateway")

    @property
    def operator_token(self) -> str:
        return self.token_of("operator")

    @property
    def runner_token(self) -> str:
        return self.token_of("runners/local")

    def token_of(self, name: str) -> str:
        return (self.data / "credentials" / name / "token").read_text().strip()

    async def sign_in(self, login: str = "octocat") -> Person:
        self.github.add_user(login)
        accounts = AccountServiceStub(self.channel)
        request = account_service_pb2.CompleteSignInRequest(
            github_access_token=self.github.issue_token(login), client="test"
        )
        answer = await accounts.CompleteSignIn(request, metadata=rpc.bearer(self.gateway_token), timeout=DEADLINE_S)
        return self.person(answer)

    async def make_link(self) -> str:
        """The secret of a new sign-in link."""
        request = account_service_pb2.CreateSignInLinkRequest()
        operator = rpc.bearer(self.operator_token)
        made = await AccountServiceStub(self.channel).CreateSignInLink(request, metadata=operator, timeout=DEADLINE_S)
        return made.secret

    async def redeem(self, secret: str) -> Person:
        """The owner's session for a link's secret."""
        request = account_service_pb2.RedeemSignInLinkRequest(secret=secret, client="test")
        gateway = rpc.bearer(self.gateway_token)
        return self.person(
            await AccountServiceStub(self.channel).RedeemSignInLink(request, metadata=gateway, timeout=DEADLINE_S)
        )

    def person(
        self, answer: account_service_pb2.CompleteSignInResponse | account_service_pb2.RedeemSignInLinkResponse
    ) -> Person:
        return Person(
            access_token=answer.tokens.access_token,
            refresh_token=answer.tokens.refresh_token,
            user=answer.user,
            tasks=TaskServiceStub(self.channel),
            accounts=AccountServiceStub(self.channel),
        )

    def again(self, person: Person) -> Person:
        """The same person's session, through this stack."""
        return Person(
            access_token=person.access_token,
            refresh_token=person.refresh_token,
            user=person.user,
            tasks=TaskServiceStub(self.channel),
            accounts=AccountServiceStub(self.channel),
        )

    async def push(self, branch: str) -> None:
        """The branch as a push would leave it at GitHub, one commit on."""
        bare = self.data.parent / "github" / f"{REPOSITORY}.git"
        tree = await git("rev-parse", "main^{tree}", directory=bare)
        commit = await git("commit-tree", "-p", "main", "-m", "green", tree, directory=bare)
        await git("update-ref", f"refs/heads/{branch}", commit, directory=bare)

    def runner(self, nonce: str = "process-1", slots: int = 2) -> "ScriptedRunner":
        return ScriptedRunner(DispatchServiceStub(self.channel), self.runner_token, nonce=nonce, slots=slots)


@asynccontextmanager
async def stack(
    data: Path,
    github: GitHubStandin,
    *,
    beat_s: float = 0.5,
    wanted: SchedulerSettings | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Stack]:
    """A scheduler over TLS for as long as the context lasts."""
    wanted = wanted or settings(data, github, beat_s=beat_s)
    async with AsyncExitStack() as channels, AsyncExitStack() as server:
        address = await server.enter_async_context(scheduler(wanted, clock or Clock()))
        ca = (data / "credentials" / "gateway" / "ca.pem").read_bytes()
        channel = await channels.enter_async_context(rpc.channel(address, ca=ca))
        yield Stack(data=data, address=address, channel=channel, github=github, stop=server.aclose)


@asynccontextmanager
async def github_with_repository(root: Path) -> AsyncIterator[GitHubStandin]:
    async with GitHubStandin(root) as github:
        await github.add_repository(REPOSITORY, {"README.md": b"hello\n"})
        github.grant("octocat", REPOSITORY, "push")
        yield github


class ScriptedRunner:
    """One runner process: it opens a session and then does only what the test says."""

    def __init__(self, stub: "DispatchServiceAsyncStub", token: str, *, nonce: str, slots: int) -> None:
        self.stub = stub
        self.metadata = rpc.bearer(token)
        self.nonce = nonce
        self.slots = slots
        self.session_id = ""
        self.last_sequences: dict[str, int] = {}
        self._batch_number = 0

    async def __aenter__(self) -> Self:
        await self.open()
        self.watch = self.stub.WatchAssignments(
            dispatch.WatchAssignmentsRequest(session_id=self.session_id), metadata=self.metadata
        )
        self.snapshot = await self.next_change()
        assert self.snapshot.snapshot
        self._backlog = list(self.snapshot.assignments)
        self.stream = self.stub.StreamEvents(metadata=self.metadata)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.watch.cancel()
        self.stream.cancel()

    async def open(self, held: Sequence[runner_pb2.HeldAttempt] = ()) -> dispatch.OpenSessionResponse:
        request = dispatch.OpenSessionRequest(nonce=self.nonce, version="test", slots=self.slots, held_attempts=held)
        answer = await self.stub.OpenSession(request, metadata=self.metadata, timeout=DEADLINE_S)
        self.session_id = answer.session_id
        return answer

    async def next_change(self) -> dispatch.WatchAssignmentsResponse:
        async with asyncio.timeout(DEADLINE_S):
            change = await self.watch.read()
        assert isinstance(change, dispatch.WatchAssignmentsResponse)
        return change

    async def rest_of_watch(self) -> None:
        """Reads until the stream of assignments ends."""
        while True:
            await self.next_change()

    async def next_assignment(self) -> runner_pb2.Assignment:
        """The next one that is new or changed."""
        while not self._backlog:
            self._backlog += (await self.next_change()).assignments
        return self._backlog.pop(0)

    async def accept(self, ref: runner_pb2.AttemptRef) -> runner_pb2.ItemResult:
        request = dispatch.AcceptAttemptsRequest(session_id=self.session_id, attempts=[ref])
        return (await self.stub.AcceptAttempts(request, metadata=self.metadata, timeout=DEADLINE_S)).results[0]

    async def take(self) -> runner_pb2.Assignment:
        """The next offer, accepted; changes of older assignments are passed over."""
        while (assignment := await self.next_assignment()).phase != task_pb2.ATTEMPT_PHASE_OFFERED:
            continue
        assert (await self.accept(assignment.attempt)).error_reason == ""
        return assignment

    @asynccontextmanager
    async def beating(self, *refs: runner_pb2.AttemptRef) -> AsyncIterator[None]:
        """Heartbeats as a runner sends them, for as long as the context lasts."""

        async def beat() -> None:
            while True:
                await self.beat(*refs)
                await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as group:
            heart = group.create_task(beat())
            yield
            heart.cancel()

    async def beat(self, *refs: runner_pb2.AttemptRef) -> dispatch.HeartbeatResponse:
        request = dispatch.HeartbeatRequest(session_id=self.session_id, attempts=refs)
        return await self.stub.Heartbeat(request, metadata=self.metadata, timeout=DEADLINE_S)

    async def beat_error(self, *refs: runner_pb2.AttemptRef) -> str:
        """The reason why a heartbeat is refused."""
        try:
            await self.beat(*refs)
        except grpc.aio.AioRpcError as exc:
            return from_rpc_error(exc).reason
        return ""

    async def send(self, ref: runner_pb2.AttemptRef, *events: runner_pb2.AttemptEvent) -> dispatch.AttemptAck:
        """Numbers the events and sends them as one batch."""
        for event in events:
            event.sequence = self.last_sequences[ref.attempt_id] = self.last_sequence(ref) + 1
        return await self.send_as_is(ref, *events)

    async def send_as_is(self, ref: runner_pb2.AttemptRef, *events: runner_pb2.AttemptEvent) -> dispatch.AttemptAck:
        batch = dispatch.AttemptBatch(attempt=ref, events=events)
        return (await self.send_request(batches=[batch])).acks[0]

    async def send_request(
        self, batches: Sequence[dispatch.AttemptBatch] = (), deltas: Sequence[event_pb2.Delta] = ()
    ) -> dispatch.StreamEventsResponse:
        self._batch_number += 1
        request = dispatch.StreamEventsRequest(
            session_id=self.session_id, batch_number=self._batch_number, batches=batches, deltas=deltas
        )
        async with asyncio.timeout(DEADLINE_S):
            await self.stream.write(request)
            answer = await self.stream.read()
        assert isinstance(answer, dispatch.StreamEventsResponse)
        assert answer.batch_number == self._batch_number
        return answer

    def last_sequence(self, ref: runner_pb2.AttemptRef) -> int:
        return self.last_sequences.get(ref.attempt_id, 0)

    async def finish(
        self,
        ref: runner_pb2.AttemptRef,
        phase: int = task_pb2.ATTEMPT_PHASE_SUCCEEDED,
        *,
        failure: int = 0,
        reason: str = "",
        last_sequence: int | None = None,
    ) -> runner_pb2.ItemResult:
        outcome = runner_pb2.AttemptOutcome(
            attempt=ref,
            phase=phase,  # type: ignore[arg-type]  # a number of the enum
            failure_reason=failure,  # type: ignore[arg-type]
            reason=reason,
            last_sequence=self.last_sequence(ref) if last_sequence is None else last_sequence,
        )
        request = dispatch.FinishAttemptsRequest(session_id=self.session_id, outcomes=[outcome])
        return (await self.stub.FinishAttempts(request, metadata=self.metadata, timeout=DEADLINE_S)).results[0]


def phase_event(phase: int) -> runner_pb2.AttemptEvent:
    change = event_pb2.AttemptPhaseChanged(phase=phase)  # type: ignore[arg-type]  # a number of the enum
    return runner_pb2.AttemptEvent(body=event_pb2.EventBody(attempt_phase_changed=change))


def inputs_event(assignment: runner_pb2.Assignment) -> runner_pb2.AttemptEvent:
    """The user's message that carries what the assignment brought."""
    event = message_event(task_pb2.ROLE_USER, b"[]")
    event.body.message_appended.input_ids.extend(each.input_id for each in assignment.inputs)
    return event


def message_event(role: int, content: bytes, usage: task_pb2.Usage | None = None) -> runner_pb2.AttemptEvent:
    message_id = IDS.new("msg")
    appended = event_pb2.MessageAppended(message_id=message_id, role=role, summary="...")  # type: ignore[arg-type]
    message = task_pb2.Message(
        message_id=message_id,
        role=role,  # type: ignore[arg-type]  # a number of the enum
        content=content,
        usage=usage,
        model="model" if usage else "",
    )
    return runner_pb2.AttemptEvent(body=event_pb2.EventBody(message_appended=appended), message=message)


def tool_events(call_id: str) -> tuple[runner_pb2.AttemptEvent, runner_pb2.AttemptEvent]:
    """A tool's start and end."""
    started = event_pb2.ToolCallStarted(tool_call_id=call_id, tool_name="shell", summary="ls")
    finished = event_pb2.ToolCallFinished(tool_call_id=call_id, tool_name="shell", summary="a b")
    call = task_pb2.ToolCall(tool_call_id=call_id, tool_name="shell", input=b'{"command": "ls"}')
    done = task_pb2.ToolCall(tool_call_id=call_id, tool_name="shell", input=b'{"command": "ls"}', output=b'"a b"')
    done.duration.FromMilliseconds(1500)
    return (
        runner_pb2.AttemptEvent(body=event_pb2.EventBody(tool_call_started=started), tool_call=call),
        runner_pb2.AttemptEvent(body=event_pb2.EventBody(tool_call_finished=finished), tool_call=done),
    )


async def new_task(running: Stack) -> tuple[Person, task_pb2.Task]:
    """A person who has signed in, and a pending task of theirs."""
    person = await running.sign_in()
    return person, await person.create((await person.add_project()).project_id)
