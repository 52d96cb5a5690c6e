"""Every unary call may arrive twice, and late: the second time changes nothing."""

import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message

from errand.v1 import access_service_pb2 as access
from errand.v1 import account_service_pb2 as accounts
from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import enrolment_service_pb2 as enrolment
from errand.v1 import fleet_service_pb2 as fleet
from errand.v1 import runner_pb2, task_pb2
from errand.v1 import task_service_pb2 as tasks
from errand.v1.enrolment_service_pb2_grpc import EnrolmentServiceStub
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand_common import contract, join_token, rpc
from tests.integration.refused import refusal
from tests.integration.scheduling import (
    GIT_HOST,
    REPOSITORY,
    Person,
    ScriptedRunner,
    Stack,
    github_with_repository,
    inputs_event,
    settings,
    stack,
)
from tests.integration.storing import stored

NOT_REPEATABLE = {
    "CompleteSignIn": "each is a session of its own",
    "CreateSignInLink": "each is a link of its own",
    "RedeemSignInLink": "a second use is refused, by contract",
    "CheckJoinToken": "it tells the time",
    "RefreshSession": "a second use ends the family, by contract",
    "EndSession": "the second is refused: its session is over",
    "GetFleet": "it tells what the disk has free",
    "Leave": "once its runner has left, its credential is gone; test_join asks again and again",
}
NOT_NOTED = {
    "AcceptAttempts": "the attempt's row says it",
    "DrawMoney": "the attempt's draws say it",
    "FinishAttempts": "the attempt's row says it",
    "Heartbeat": "many a second, of leases that are in memory",
    "LendCredential": "the attempt's row says for whom; many in an attempt",
    "LendSecrets": "the attempt's row says for whom",
    "OpenPullRequest": "an event of the task",
    "OpenSession": "the runner's row says it",
}
"""What changes something and leaves no row in the audit log, and where it is told. A runner's streams are such too."""


@pytest.fixture
async def running(tmp_path: Path) -> AsyncGenerator[Stack]:
    """With a limit on what a day costs: without one nothing of a draw is kept."""
    async with github_with_repository(tmp_path / "github") as github:
        limited = settings(tmp_path / "data", github, ERRAND_USER_DOLLARS_PER_DAY="20")
        async with stack(tmp_path / "data", github, wanted=limited) as running:
            yield running


async def test_a_repeated_call_changes_nothing_and_answers_the_same(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    task = await person.create(project.project_id)
    done: dict[str, Callable[[], Awaitable[Message]]] = {}

    async def twice(name: str, call: Callable[[], Awaitable[Message]]) -> Message:
        done[name] = call
        first = await call()
        before = stored(running)
        assert await call() == first
        assert stored(running) == before, name
        return first

    async with running.runner() as runner:
        await as_a_runner(running, runner, twice)
    of_runners = set(done)
    await as_a_person(person, task, project, twice)
    for each in (await person.tasks.ListTasks(tasks.ListTasksRequest(), metadata=person.metadata)).tasks:
        # What waits would be told anew why, whenever the runner changes.
        await person.stop(each.task_id)
    await as_a_new_host(running, twice)
    await as_an_admin(running, twice)
    await as_an_operator(running, twice)
    over = stored(running)
    for name in done.keys() - of_runners:
        # What was decided since may have made it impossible.
        with suppress(grpc.aio.AioRpcError):
            await done[name]()
        assert stored(running) == over, f"{name} comes late, and changes nothing"
    unary = {
        method.name
        for service in contract.services()
        for method in service.methods
        if not method.client_streaming and not method.server_streaming
    }
    assert done.keys() == unary - set(NOT_REPEATABLE)
    assert {name for name in done if changes(name)} - noted(running) == set(NOT_NOTED)


def changes(name: str) -> bool:
    return not name.startswith(("Get", "List", "Explain", "Check"))


def action_of(name: str) -> str:
    """How the audit log calls what a method does."""
    if name == "SetRunnerMode":
        return "set_runner_cordoned"  # with the mode, and here it is this one
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")


def noted(running: Stack) -> set[str]:
    """The methods of which the audit log holds something."""
    with closing(sqlite3.connect(f"file:{running.data / 'errand.db'}?mode=ro", uri=True)) as connection:
        actions = {action for (action,) in connection.execute("SELECT action FROM audit_log")}
    methods = (method.name for service in contract.services() for method in service.methods)
    return {name for name in methods if action_of(name) in actions}


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
    secrets = dispatch.LendSecretsRequest(session_id=session_id, attempt=ref)
    await twice("LendSecrets", lambda: stub.LendSecrets(secrets, metadata=metadata))
    draw = dispatch.DrawMoneyRequest(session_id=session_id, attempt=ref, least_nanodollars=1, most_nanodollars=10**9)
    await twice("DrawMoney", lambda: stub.DrawMoney(draw, metadata=metadata))
    await runner.send(ref, inputs_event(assignment))
    await running.push(assignment.task.branch)
    pull = dispatch.OpenPullRequestRequest(session_id=session_id, attempt=ref, title="t", body="b")
    await twice("OpenPullRequest", lambda: stub.OpenPullRequest(pull, metadata=metadata))
    outcome = runner_pb2.AttemptOutcome(
        attempt=ref, phase=task_pb2.ATTEMPT_PHASE_SUCCEEDED, last_sequence=runner.last_sequence(ref)
    )
    finish = dispatch.FinishAttemptsRequest(session_id=session_id, outcomes=[outcome])
    await twice("FinishAttempts", lambda: stub.FinishAttempts(finish, metadata=metadata))
    over = stored(running)
    late = await stub.AcceptAttempts(accept, metadata=metadata)
    assert late.results[0].error_reason == "LEASE_SUPERSEDED"
    beaten = await stub.Heartbeat(heartbeat, metadata=metadata)
    opened = await stub.OpenSession(open_session, metadata=metadata)
    for verdicts in (beaten.directives.verdicts, opened.verdicts):
        assert [(each.attempt, each.verdict) for each in verdicts] == [(ref, runner_pb2.VERDICT_FORGET)]
    for refused in (
        lambda: stub.LendCredential(lend, metadata=metadata),
        lambda: stub.LendSecrets(secrets, metadata=metadata),
        lambda: stub.DrawMoney(draw, metadata=metadata),
        lambda: stub.OpenPullRequest(pull, metadata=metadata),
    ):
        assert (await refusal(refused())).reason == "LEASE_SUPERSEDED"
    assert stored(running) == over, "what comes late changes nothing"


async def as_a_person(person: Person, task: task_pb2.Task, project: task_pb2.Project, twice: Twice) -> None:
    ask, account, metadata, task_id = person.tasks, person.accounts, person.metadata, task.task_id
    add_project = accounts.CreateProjectRequest(repository=REPOSITORY)
    put = accounts.PutGitCredentialRequest(request_id="g", host=GIT_HOST, username="ada", password="s3cret")
    await twice("PutGitCredential", lambda: account.PutGitCredential(put, metadata=metadata))
    remove = accounts.RemoveGitCredentialRequest(request_id="h", host=GIT_HOST)
    await twice("RemoveGitCredential", lambda: account.RemoveGitCredential(remove, metadata=metadata))
    kept = accounts.ListGitCredentialsRequest()
    await twice("ListGitCredentials", lambda: account.ListGitCredentials(kept, metadata=metadata))
    await twice("CreateProject", lambda: account.CreateProject(add_project, metadata=metadata))
    update = accounts.UpdateProjectRequest(
        request_id="u", project_id=project.project_id, image="node:22", setup_script="make deps"
    )
    await twice("UpdateProject", lambda: account.UpdateProject(update, metadata=metadata))
    allow = accounts.AllowHostRequest(request_id="n", project_id=project.project_id, host="api.example.com")
    await twice("AllowHost", lambda: account.AllowHost(allow, metadata=metadata))
    presets = accounts.ListEgressPresetsRequest()
    await twice("ListEgressPresets", lambda: account.ListEgressPresets(presets, metadata=metadata))
    newer = accounts.UpdateProjectRequest(
        project_id=project.project_id, image="node:24", egress=task_pb2.Egress(mode=task_pb2.EGRESS_MODE_ALLOW_LIST)
    )
    await account.UpdateProject(newer, metadata=metadata)
    await as_a_keeper_of_secrets(person, project, twice)
    await twice("ListProjects", lambda: account.ListProjects(accounts.ListProjectsRequest(), metadata=metadata))
    repositories = accounts.ListRepositoriesRequest()
    await twice("ListRepositories", lambda: account.ListRepositories(repositories, metadata=metadata))
    await twice("GetMe", lambda: account.GetMe(accounts.GetMeRequest(), metadata=metadata))
    reads = tasks.GetTaskRequest(task_id=task_id)
    await twice("GetTask", lambda: ask.GetTask(reads, metadata=metadata))
    await twice("ListTasks", lambda: ask.ListTasks(tasks.ListTasksRequest(), metadata=metadata))
    events = tasks.ListEventsRequest(task_id=task_id)
    await twice("ListEvents", lambda: ask.ListEvents(events, metadata=metadata))
    messages = tasks.ListMessagesRequest(task_id=task_id)
    await twice("ListMessages", lambda: ask.ListMessages(messages, metadata=metadata))
    calls = tasks.ListToolCallsRequest(task_id=task_id)
    await twice("ListToolCalls", lambda: ask.ListToolCalls(calls, metadata=metadata))
    # Once placement has said why these wait, and no more than that.
    limited = task_pb2.Allowance(cost_nanodollars=5)
    create = tasks.CreateTaskRequest(request_id="a", project_id=project.project_id, prompt="again", allowance=limited)
    await settled_twice(person, "CreateTask", lambda: ask.CreateTask(create, metadata=metadata), twice)
    again_id = (await ask.CreateTask(create, metadata=metadata)).task.task_id
    more = tasks.RaiseAllowanceRequest(request_id="r", task_id=again_id, more=limited)
    await twice("RaiseAllowance", lambda: ask.RaiseAllowance(more, metadata=metadata))
    add = tasks.AddInputRequest(request_id="b", task_id=task_id, text="more")
    await settled_twice(person, "AddInput", lambda: ask.AddInput(add, metadata=metadata), twice)
    added = (await ask.AddInput(add, metadata=metadata)).input
    await as_a_writer(person, added, twice)
    # What was taken back left the task as it was before: completed.
    await ask.AddInput(tasks.AddInputRequest(request_id="c", task_id=task_id, text="and this"), metadata=metadata)
    stop = tasks.StopTaskRequest(request_id="d", task_id=task_id)
    await twice("StopTask", lambda: ask.StopTask(stop, metadata=metadata))
    retry = tasks.RetryTaskRequest(request_id="e", task_id=task_id)
    await settled_twice(person, "RetryTask", lambda: ask.RetryTask(retry, metadata=metadata), twice)
    explain = tasks.ExplainPendingRequest(task_id=task_id)
    await twice("ExplainPending", lambda: ask.ExplainPending(explain, metadata=metadata))


async def as_an_admin(running: Stack, twice: Twice) -> None:
    ask, metadata = running.access, rpc.bearer(running.operator_token)
    await twice("ListTokens", lambda: ask.ListTokens(access.ListTokensRequest(), metadata=metadata))
    create = access.CreateTokenRequest(request_id="i", name="robot", scopes=["access:read"])
    made = await twice("CreateToken", lambda: ask.CreateToken(create, metadata=metadata))
    assert isinstance(made, access.CreateTokenResponse)
    revoke = access.RevokeTokenRequest(token_id=made.token.token_id)
    await twice("RevokeToken", lambda: ask.RevokeToken(revoke, metadata=metadata))
    allow = access.AllowUserRequest(request_id="j", github_username="grace")
    await twice("AllowUser", lambda: ask.AllowUser(allow, metadata=metadata))
    role = access.SetRoleRequest(request_id="k", github_username="grace", role=task_pb2.USER_ROLE_VIEWER)
    await twice("SetRole", lambda: ask.SetRole(role, metadata=metadata))
    disallow = access.DisallowUserRequest(request_id="l", github_username="grace")
    await twice("DisallowUser", lambda: ask.DisallowUser(disallow, metadata=metadata))
    await ask.AllowUser(access.AllowUserRequest(github_username="grace"), metadata=metadata)
    await twice("ListUsers", lambda: ask.ListUsers(access.ListUsersRequest(), metadata=metadata))
    # Its answer holds what was done in between.
    log = access.ListAuditEntriesRequest(page_size=1)
    await twice("ListAuditEntries", lambda: ask.ListAuditEntries(log, metadata=metadata))


async def as_a_keeper_of_secrets(person: Person, project: task_pb2.Project, twice: Twice) -> None:
    account, metadata, project_id = person.accounts, person.metadata, project.project_id
    put = accounts.SetProjectSecretRequest(request_id="s", project_id=project_id, name="KEY", value="first-value")
    await twice("SetProjectSecret", lambda: account.SetProjectSecret(put, metadata=metadata))
    listing = accounts.ListProjectSecretsRequest(project_id=project_id)
    await twice("ListProjectSecrets", lambda: account.ListProjectSecrets(listing, metadata=metadata))
    remove = accounts.RemoveProjectSecretRequest(request_id="t", project_id=project_id, name="KEY")
    await twice("RemoveProjectSecret", lambda: account.RemoveProjectSecret(remove, metadata=metadata))
    newer = accounts.SetProjectSecretRequest(project_id=project_id, name="KEY", value="newer-value")
    await account.SetProjectSecret(newer, metadata=metadata)


async def as_a_writer(person: Person, item: task_pb2.Input, twice: Twice) -> None:
    """What may be done to an input that waits."""
    ask, metadata = person.tasks, person.metadata
    waiting = tasks.ListInputsRequest(task_id=item.task_id)
    await twice("ListInputs", lambda: ask.ListInputs(waiting, metadata=metadata))
    edit = tasks.EditInputRequest(request_id="f", input_id=item.input_id, text="rather this")
    await twice("EditInput", lambda: ask.EditInput(edit, metadata=metadata))
    promote = tasks.PromoteInputRequest(input_id=item.input_id)
    await twice("PromoteInput", lambda: ask.PromoteInput(promote, metadata=metadata))
    remove = tasks.RemoveInputRequest(input_id=item.input_id)
    await twice("RemoveInput", lambda: ask.RemoveInput(remove, metadata=metadata))


async def as_a_new_host(running: Stack, twice: Twice) -> None:
    stub, operator = FleetServiceStub(running.channel), rpc.bearer(running.operator_token)
    make = fleet.CreateJoinTokenRequest(request_id="m", scheduler="errand.test:7443")
    made = await twice("CreateJoinToken", lambda: stub.CreateJoinToken(make, metadata=operator))
    assert isinstance(made, fleet.CreateJoinTokenResponse)
    another = fleet.CreateJoinTokenRequest(scheduler="errand.test:7443")
    await stub.CreateJoinToken(another, metadata=operator)
    listed = await twice(
        "ListJoinTokens", lambda: stub.ListJoinTokens(fleet.ListJoinTokensRequest(), metadata=operator)
    )
    assert isinstance(listed, fleet.ListJoinTokensResponse)
    revoke = fleet.RevokeJoinTokenRequest(join_token_id=listed.join_tokens[0].join_token_id)
    await twice("RevokeJoinToken", lambda: stub.RevokeJoinToken(revoke, metadata=operator))
    host, host_metadata = EnrolmentServiceStub(running.channel), rpc.bearer(join_token.read(made.token).secret)
    join = enrolment.JoinRequest(request_id="r", name="box")
    await twice("Join", lambda: host.Join(join, metadata=host_metadata))
    remove = fleet.RemoveRunnerRequest(request_id="d", runner="box")
    await twice("RemoveRunner", lambda: stub.RemoveRunner(remove, metadata=operator))


async def as_an_operator(running: Stack, twice: Twice) -> None:
    """The runner is gone by then."""
    stub, metadata = FleetServiceStub(running.channel), rpc.bearer(running.operator_token)
    await twice("ListRunners", lambda: stub.ListRunners(fleet.ListRunnersRequest(), metadata=metadata))
    get = fleet.GetRunnerRequest(runner="local")
    await twice("GetRunner", lambda: stub.GetRunner(get, metadata=metadata))
    cordon = fleet.SetRunnerModeRequest(request_id="a", runner="local", mode=runner_pb2.RUNNER_MODE_CORDONED)
    await twice("SetRunnerMode", lambda: stub.SetRunnerMode(cordon, metadata=metadata))
    uncordon = fleet.SetRunnerModeRequest(request_id="b", runner="local", mode=runner_pb2.RUNNER_MODE_ACTIVE)
    await stub.SetRunnerMode(uncordon, metadata=metadata)
    revoke = fleet.RevokeRunnerRequest(request_id="c", runner="local")
    await twice("RevokeRunner", lambda: stub.RevokeRunner(revoke, metadata=metadata))


async def settled_twice(
    person: Person,
    name: str,
    call: Callable[[], Awaitable[tasks.CreateTaskResponse | tasks.AddInputResponse | tasks.RetryTaskResponse]],
    twice: Twice,
) -> None:
    """The same, once the task that it made pending says that there is no runner."""
    task = (await call()).task
    watch = person.watch(task.task_id)
    while (await person.task(task.task_id)).status_reason != "no runner is connected":
        await watch.next()
    watch.cancel()
    await twice(name, call)
