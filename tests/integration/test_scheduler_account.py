"""Signing in, projects, and what requests must look like."""

import base64
from collections.abc import Awaitable, Callable

from errand.v1 import account_service_pb2 as accounts
from errand.v1 import task_pb2
from errand.v1 import task_service_pb2 as pb
from errand_common import rpc
from tests.integration.refused import refusal
from tests.integration.scheduling import (
    DEADLINE_S,
    IDS,
    REPOSITORY,
    Person,
    Stack,
    message_event,
)


async def test_the_same_person_is_the_same_user_however_often_they_sign_in(running: Stack) -> None:
    first, second = await running.sign_in(), await running.sign_in()
    assert first.user == second.user
    assert first.user.github_username == "octocat"
    me = await second.accounts.GetMe(accounts.GetMeRequest(), metadata=second.metadata)
    assert me.user == first.user


async def test_who_is_not_named_is_not_admitted(running: Stack) -> None:
    assert (await refusal(running.sign_in("stranger"))).reason == "NOT_ADMITTED"


async def test_a_token_that_github_does_not_know_signs_nobody_in(running: Stack) -> None:
    person = await running.sign_in()
    request = accounts.CompleteSignInRequest(github_access_token="gho_made_up", client="web")
    gateway = rpc.bearer(running.gateway_token)
    assert (await refusal(person.accounts.CompleteSignIn(request, metadata=gateway))).reason == "UNAUTHENTICATED"
    running.github.outage(True)
    assert (await refusal(person.accounts.CompleteSignIn(request, metadata=gateway))).reason == "GITHUB_UNAVAILABLE"
    for wrong in (
        accounts.CompleteSignInRequest(client="web"),
        accounts.CompleteSignInRequest(github_access_token="x"),
        accounts.CompleteSignInRequest(github_access_token="x", client="w" * 65),
    ):
        assert (await refusal(person.accounts.CompleteSignIn(wrong, metadata=gateway))).reason == "INVALID"


async def test_no_secret_lies_in_the_database_in_the_clear(running: Stack) -> None:
    person = await running.sign_in()
    await person.add_project()
    stored = b"".join(path.read_bytes() for path in running.data.glob("errand.db*"))
    secrets = [
        *running.github.tokens_issued(),
        person.access_token,
        person.refresh_token,
        running.gateway_token,
        running.runner_token,
    ]
    assert [secret for secret in secrets if secret.encode() in stored] == []


async def test_a_project_is_added_once_whatever_the_case(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    assert project == await person.add_project("OctoCat/Demo")
    assert project.repo_url == running.github.clone_url(REPOSITORY)
    assert project.default_branch == "main"
    listed = await person.accounts.ListProjects(accounts.ListProjectsRequest(), metadata=person.metadata)
    assert list(listed.projects) == [project]


async def test_a_project_needs_a_repository_that_may_be_pushed_to(running: Stack) -> None:
    person = await running.sign_in()
    await running.github.add_repository("octocat/read-only", {"a": b"b"})
    running.github.grant("octocat", "octocat/read-only", "read")
    assert (await refusal(person.add_project("octocat/read-only"))).reason == "NO_PUSH_RIGHT"
    assert (await refusal(person.add_project("octocat/none"))).reason == "NOT_FOUND"
    for wrong in ("", "octocat", "octocat/../x", "octocat/..", "https://github.com/octocat/demo", "a/b/c", "a/b?c"):
        assert (await refusal(person.add_project(wrong))).reason == "INVALID", wrong
    running.github.outage(True)
    assert (await refusal(person.add_project())).reason == "GITHUB_UNAVAILABLE"


async def test_repositories_are_listed_as_github_shows_them_the_last_pushed_first(running: Stack) -> None:
    person = await running.sign_in()
    github = running.github
    await github.add_repository("octocat/public", {"a": b"b"}, default_branch="trunk", private=False)
    await github.add_repository("octocat/old", {"a": b"b"})
    await github.add_repository("hubot/secret", {"a": b"b"})
    github.grant("octocat", "octocat/public", "read")
    github.grant("octocat", "octocat/old", "push")
    github.archive("octocat/old")
    await running.push("errand/last")

    listed, token, pages = [], "", 0
    while pages == 0 or token:
        # The first page settles the size: numbers of pages of another one would skip or repeat some.
        request = accounts.ListRepositoriesRequest(page_size=50 if token else 2, page_token=token)
        page = await person.accounts.ListRepositories(request, metadata=person.metadata, timeout=DEADLINE_S)
        listed += [(each.repository, each.default_branch, each.private, each.may_push) for each in page.repositories]
        token, pages = page.next_page_token, pages + 1
    assert listed == [
        (REPOSITORY, "main", True, True),
        ("octocat/old", "main", True, False),
        ("octocat/public", "trunk", False, False),
    ]
    assert pages == 2


async def test_a_list_of_repositories_that_cannot_be_had_is_refused(running: Stack) -> None:
    person = await running.sign_in()

    async def refused(**fields: str | int) -> str:
        request = accounts.ListRepositoriesRequest(**fields)  # type: ignore[arg-type]  # of either kind
        return (await refusal(person.accounts.ListRepositories(request, metadata=person.metadata))).reason

    for size in (-1, 101):
        assert await refused(page_size=size) == "INVALID"
    for wrong in ("x", "2", "0.5", "1.0", "-1.5", "1.5.5", "9999999.5", "².5"):
        token = wrong if wrong == "x" else base64.urlsafe_b64encode(wrong.encode()).decode()
        assert await refused(page_token=token) == "INVALID", wrong
    running.github.outage(True)
    assert await refused() == "GITHUB_UNAVAILABLE"


async def test_lists_are_paged_newest_first(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    made = [(await person.create(project.project_id, f"task {number}")).task_id for number in range(5)]
    listed, token, pages = [], "", 0
    while pages == 0 or token:
        request = pb.ListTasksRequest(page_size=2, page_token=token)
        page = await person.tasks.ListTasks(request, metadata=person.metadata)
        listed += [task.task_id for task in page.tasks]
        token, pages = page.next_page_token, pages + 1
    assert listed == made[::-1]
    assert pages == 3


async def test_the_same_request_id_makes_one_task_and_another_request_is_refused(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    first = await person.create(project.project_id, "one", "key")
    assert (await person.create(project.project_id, "one", "key")).task_id == first.task_id
    assert (await refusal(person.create(project.project_id, "two", "key"))).reason == "IDEMPOTENCY_MISMATCH"
    add = pb.AddInputRequest(request_id="key", task_id=first.task_id, text="one")
    assert (await refusal(person.tasks.AddInput(add, metadata=person.metadata))).reason == "IDEMPOTENCY_MISMATCH"
    other = await running.sign_in("hubot")
    running.github.grant("hubot", REPOSITORY, "push")
    others = await other.create((await other.add_project()).project_id, "one", "key")
    assert others.task_id != first.task_id
    assert len((await person.tasks.ListTasks(pb.ListTasksRequest(), metadata=person.metadata)).tasks) == 1


async def test_what_belongs_to_another_user_is_not_found(running: Stack) -> None:
    ann, bob = await running.sign_in("octocat"), await running.sign_in("hubot")
    project = await ann.add_project()
    task = await ann.create(project.project_id)
    calls: list[Callable[[Person], Awaitable[object]]] = [
        lambda who: who.create(project.project_id),
        lambda who: who.task(task.task_id),
        lambda who: who.add_input(task.task_id, "x"),
        lambda who: who.stop(task.task_id),
        lambda who: who.events(task.task_id),
        lambda who: who.tasks.ListMessages(pb.ListMessagesRequest(task_id=task.task_id), metadata=who.metadata),
        lambda who: who.tasks.ListToolCalls(pb.ListToolCallsRequest(task_id=task.task_id), metadata=who.metadata),
    ]
    for call in calls:
        assert (await refusal(call(bob))).reason == "NOT_FOUND"
        await call(ann)
    assert len((await bob.tasks.ListTasks(pb.ListTasksRequest(), metadata=bob.metadata)).tasks) == 0


async def test_a_request_that_breaks_a_rule_changes_nothing(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    task_id = (await person.create(project_id)).task_id
    await person.stop(task_id)
    before = await person.events(task_id)

    async def is_invalid(call: Awaitable[object]) -> None:
        assert (await refusal(call)).reason == "INVALID"

    for text in ("", " \n\t", "é" * (32 * 1024) + "x"):
        await is_invalid(person.create(project_id, text))
        await is_invalid(person.add_input(task_id, text))
    await is_invalid(person.create(project_id, "x", "k" * 129))
    await is_invalid(person.create("prj_1"))
    await is_invalid(person.create(IDS.new("tsk")))
    await is_invalid(person.task("../etc"))
    await is_invalid(person.stop(""))
    for size in (-1, 101):
        request = pb.ListTasksRequest(page_size=size)
        await is_invalid(person.tasks.ListTasks(request, metadata=person.metadata, timeout=DEADLINE_S))
    beyond = base64.urlsafe_b64encode(b"9" * 40 + b".tsk_x").decode()
    for token in ("x", "!!", "AAAA", "LTE=", beyond):
        request = pb.ListTasksRequest(page_token=token)
        await is_invalid(person.tasks.ListTasks(request, metadata=person.metadata, timeout=DEADLINE_S))
        messages = pb.ListMessagesRequest(task_id=task_id, page_token=token)
        await is_invalid(person.tasks.ListMessages(messages, metadata=person.metadata, timeout=DEADLINE_S))
    assert await person.events(task_id) == before
    assert (await person.create(project_id, "é" * (32 * 1024))).prompt == "é" * (32 * 1024)


async def test_a_page_of_messages_ends_at_a_mebibyte(running: Stack) -> None:
    person = await running.sign_in()
    task = await person.create((await person.add_project()).project_id)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        for size in (700_000, 700_000, 200_000, 1024 * 1024):
            await runner.send(ref, message_event(task_pb2.ROLE_USER, b"x" * size))
        await runner.finish(ref)
    token = ""
    sizes: list[list[int]] = []
    while not sizes or token:
        request = pb.ListMessagesRequest(task_id=task.task_id, page_token=token)
        page = await person.tasks.ListMessages(request, metadata=person.metadata)
        sizes.append([len(message.content) for message in page.messages])
        token = page.next_page_token
    assert sizes == [[700_000], [700_000, 200_000], [1024 * 1024]]
