"""Every unary call may arrive twice, and late: the second time changes nothing."""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing

from google.protobuf.message import Message

from errand.v1 import account_service_pb2 as accounts
from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import runner_pb2, task_pb2
from errand.v1 import task_service_pb2 as tasks
from errand_common import contract
from tests.integration.scheduling import (
    REPOSITORY,
    Person,
    ScriptedRunner,
    Stack,
    inputs_event,
)

NOT_REPEATABLE = {
    "CompleteSignIn": "each is a session of its own",
    "CreateSignInLink": "each is a link of its own",
    "RedeemSignInLink": "a second use is refused, by contract",
    "RefreshSession": "a second use ends the family, by contract",
    "EndSession": "the second is refused: its session is over",
}
NOTES = ('"audit_log"', "'audit_log'", '"runners"')


def stored(running: Stack) -> list[str]:
    """Everything in the database but the notes of who asked what, and when a runner was last here."""
    address = f"file:{running.data / 'errand.db'}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        return [line for line in connection.iterdump() if not any(notes in line for notes in NOTES)]


async def test_a_repeated_call_changes_nothing_and_answers_the_same(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    task = await person.create(project.project_id)
    done: set[str] = set()

    async def twice(name: str, call: Callable[[], Awaitable[Message]]) -> Message:
        done.add(name)
        first = await call()
        before = stored(running)
        assert await call() == first
        assert stored(running) == before, name
        return first

    async with running.runner() as runner:
        await as_a_runner(running, runner, twice)
    await as_a_person(person, task, project, twice)
    unary = {
        method.name
        for service in contract.services()
        for method in service.methods
        if not method.client_streaming and not method.server_streaming
    }
    assert done == unary - set(NOT_REPEATABLE)


Twice = Callable[[str, Callable[[], Awaitable[Message]]], Awaitable[Message]]


async def as_a_runner(running: Stack, runner: ScriptedRunner, twice: Twice) -> None:
    stub, metadata, session_id = runner.stub, runner.metadata, runner.session_id
    assignment = await runner.next_assignment()
    ref = assignment.attempt
    accept = dispatch.AcceptAttemptsRequest(session_id=session_id, attempts=[ref])
    await twice("AcceptAttempts", lambda: stub.AcceptAttempts(accept, metadata=metadata))
    open_session = dispatch.OpenSessionRequest(
        nonce=runner.nonce, version="test", slots=runner.slots, held_attempts=[runner_pb2.HeldAttempt(attempt=ref)]
    )
    await twice("OpenSession", lambda: stub.OpenSession(open_session, metadata=metadata))
    heartbeat = dispatch.HeartbeatRequest(session_id=session_id, attempts=[ref])
    await twice("Heartbeat", lambda: stub.Heartbeat(heartbeat, metadata=metadata))
    lend = dispatch.LendCredentialRequest(session_id=session_id, attempt=ref)
    await twice("LendCredential", lambda: stub.LendCredential(lend, metadata=metadata))
    await runner.send(ref, inputs_event(assignment))
    await running.push(assignment.task.branch)
    pull = dispatch.OpenPullRequestRequest(session_id=session_id, attempt=ref, title="t", body="b")
    await twice("OpenPullRequest", lambda: stub.OpenPullRequest(pull, metadata=metadata))
    outcome = runner_pb2.AttemptOutcome(
        attempt=ref, phase=task_pb2.ATTEMPT_PHASE_SUCCEEDED, last_sequence=runner.last_sequence(ref)
    )
    finish = dispatch.FinishAttemptsRequest(session_id=session_id, outcomes=[outcome])
    await twice("FinishAttempts", lambda: stub.FinishAttempts(finish, metadata=metadata))
    late = await stub.AcceptAttempts(accept, metadata=metadata)
    assert late.results[0].error_reason == "LEASE_SUPERSEDED"


async def as_a_person(person: Person, task: task_pb2.Task, project: task_pb2.Project, twice: Twice) -> None:
    ask, account, metadata, task_id = person.tasks, person.accounts, person.metadata, task.task_id
    add_project = accounts.CreateProjectRequest(repository=REPOSITORY)
    await twice("CreateProject", lambda: account.CreateProject(add_project, metadata=metadata))
    await twice("ListProjects", lambda: account.ListProjects(accounts.ListProjectsRequest(), metadata=metadata))
    repositories = accounts.ListRepositoriesRequest()
    await twice("ListRepositories", lambda: account.ListRepositories(repositories, metadata=metadata))
    await twice("GetMe", lambda: account.GetMe(accounts.GetMeRequest(), metadata=metadata))
    stop = tasks.StopTaskRequest(task_id=task_id)
    await twice("StopTask", lambda: ask.StopTask(stop, metadata=metadata))
    reads = tasks.GetTaskRequest(task_id=task_id)
    await twice("GetTask", lambda: ask.GetTask(reads, metadata=metadata))
    await twice("ListTasks", lambda: ask.ListTasks(tasks.ListTasksRequest(), metadata=metadata))
    events = tasks.ListEventsRequest(task_id=task_id)
    await twice("ListEvents", lambda: ask.ListEvents(events, metadata=metadata))
    messages = tasks.ListMessagesRequest(task_id=task_id)
    await twice("ListMessages", lambda: ask.ListMessages(messages, metadata=metadata))
    calls = tasks.ListToolCallsRequest(task_id=task_id)
    await twice("ListToolCalls", lambda: ask.ListToolCalls(calls, metadata=metadata))
    # Last, as placement goes on to say why these wait.
    create = tasks.CreateTaskRequest(request_id="a", project_id=project.project_id, prompt="again")
    await settled_twice(person, "CreateTask", lambda: ask.CreateTask(create, metadata=metadata), twice)
    add = tasks.AddInputRequest(request_id="b", task_id=task_id, text="more")
    await settled_twice(person, "AddInput", lambda: ask.AddInput(add, metadata=metadata), twice)


async def settled_twice(
    person: Person,
    name: str,
    call: Callable[[], Awaitable[tasks.CreateTaskResponse | tasks.AddInputResponse]],
    twice: Twice,
) -> None:
    """The same, once the task that it made pending says that there is no runner."""
    task = (await call()).task
    watch = person.watch(task.task_id)
    while (await person.task(task.task_id)).status_reason != "no runner is connected":
        await watch.next()
    watch.cancel()
    await twice(name, call)
