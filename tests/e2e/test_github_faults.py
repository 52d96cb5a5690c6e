"""GitHub goes away, or refuses, at any step of an errand: what passes is waited for and told, and no work is lost."""

import time

import pytest
import pytest_asyncio

from tests.demo.outside import check_out_branch
from tests.demo.phone import is_final
from tests.demo.stack import REPOSITORY, USER
from tests.e2e.watching import containers, event, no_container, ready, run, send_on, until
from tests.standins.github.remote import RemoteGitHub

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "run-command"
CHANGE = "Run: echo new > NEWS.md"
LONG_S, SHORT_S = 60, 1.0
AWAY = "the git host answered 502 Bad Gateway"


@pytest.fixture(scope="module")
def github(stack):
    return RemoteGitHub(stack.github)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def patient(stack):
    """A runner that waits long for GitHub."""
    await start_runner(stack, patience_s=LONG_S)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def impatient(stack):
    """One that soon gives up."""
    await start_runner(stack, patience_s=SHORT_S)


async def start_runner(stack, *, patience_s):
    await stack.processes.stop("runner")
    await stack.start_runner(ERRAND_GIT_PATIENCE_SECONDS=str(patience_s))


async def delays(phone, task):
    events = await phone.events(task)
    return [each["detail"]["reason"] for each in events if each["kind"] == "git_delayed"]


async def test_a_repository_with_unusual_names_is_worked_on(stack, phone, github, tmp_path):
    repository, branch = f"{USER}/.a-_b.c", "release/2.0-ü#1"
    await github.add_repository(repository, {"README.md": "hi\n"}, login=USER, default_branch=branch)

    task = await run(phone, await phone.add_project(repository), CHANGE)

    assert (task["status"], task["diff_stat"]["insertions"]) == ("completed", 1), task
    check_out_branch(stack.bare(repository), task["branch"], tmp_path / "clone")
    assert (tmp_path / "clone" / "NEWS.md").read_text() == "new\n"
    assert await github.pull_request_bases(repository) == [branch]


@pytest.mark.parametrize(
    ("step", "only", "words"),
    [
        ("clone", "git-upload-pack", AWAY),
        ("push", "git-receive-pack", AWAY),
        ("pull request", "/pulls", "GitHub answered 502"),
    ],
)
async def test_a_step_waits_for_github_and_says_so(patient, phone, project, github, step, only, words):
    async with github.outage(only):
        task = await phone.create_task(project, CHANGE)
        seen = await until(phone, task, event("git_delayed"))
        assert words in seen[-1]["event"]["detail"]["reason"], step
        assert seen[-1]["event"]["detail"]["delay"] > 0
        assert containers(task), "it is kept until GitHub has what is in it"
    await until(phone, task, is_final)

    task = await phone.task(task)
    assert (task["status"], task["pull_request_url"] != "") == ("completed", True), task


async def test_a_stop_ends_the_wait_at_once(patient, phone, project, github):
    async with github.outage("git-upload-pack"):
        task = await phone.create_task(project, CHANGE)
        await until(phone, task, event("git_delayed"))
        asked_s = time.monotonic()
        await phone.stop(task)
        await until(phone, task, is_final)

    assert time.monotonic() - asked_s < 3
    assert (await phone.task(task))["status"] == "cancelled"
    await no_container(task)


async def test_what_github_refuses_fails_at_once(stack, patient, phone, project):
    hook = stack.bare() / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no pushes today >&2\nexit 1\n")
    hook.chmod(0o755)
    task = await run(phone, project, CHANGE)
    hook.unlink()

    assert (task["status"], task["failure_reason"]) == ("failed", "push")
    assert "no pushes today" in task["status_reason"]
    assert "the work is kept in the workspace" in task["status_reason"]
    assert await delays(phone, task) == []
    task = await send_on(phone, task, "Run: true")
    assert (task["status"], task["diff_stat"]["insertions"]) == ("completed", 1)


async def test_a_clone_is_given_up_in_the_end(impatient, phone, project, github):
    async with github.outage("git-upload-pack"):
        task = await run(phone, project, CHANGE)

    assert (task["status"], task["failure_reason"]) == ("failed", "clone")
    assert f"{REPOSITORY} could not be cloned: {AWAY} (tried " in task["status_reason"]
    assert "send the task on to try again" in task["status_reason"]
    assert set(await delays(phone, task)) == {AWAY}
    await no_container(task)
    assert (await send_on(phone, task, "Run: true"))["status"] == "completed"


@pytest.mark.parametrize(
    ("only", "reason", "words"),
    [
        ("git-receive-pack", "push", "could not be pushed: the git host answered 502"),
        ("/pulls", "pull_request", "is pushed, but its pull request could not be opened: GitHub answered 502"),
    ],
)
async def test_work_that_could_not_be_delivered_is_delivered_when_it_is_sent_on(
    stack, impatient, phone, project, github, tmp_path, only, reason, words
):
    async with github.outage(only):
        task = await run(phone, project, CHANGE)
    assert (task["status"], task["failure_reason"]) == ("failed", reason)
    assert words in task["status_reason"]
    assert "send the task on" in task["status_reason"]

    task = await send_on(phone, task, "Run: true")

    assert (task["status"], task["pull_request_url"] != "") == ("completed", True), task
    check_out_branch(stack.bare(), task["branch"], tmp_path / "clone")
    assert (tmp_path / "clone" / "NEWS.md").read_text() == "new\n"


async def test_a_repository_that_is_renamed_under_a_task_has_its_work_under_the_new_name(
    stack, phone, github, tmp_path
):
    before, now = f"{USER}/old-name", "hubot/new-name"
    await github.add_repository(before, {"README.md": "hi\n"}, login=USER)
    project = await phone.add_project(before)
    await github.rename_repository(before, now)

    task = await run(phone, project, CHANGE)
    assert (task["status"], task["diff_stat"]["insertions"]) == ("completed", 1), task
    task = await send_on(phone, task, "Run: echo more > MORE.md")

    assert (task["status"], f"/{now}/pull/1" in task["pull_request_url"]) == ("completed", True), task
    check_out_branch(stack.bare(before), task["branch"], tmp_path / "clone")
    assert (tmp_path / "clone" / "MORE.md").read_text() == "more\n"
    assert len(await github.pull_request_texts(now)) == 1


async def test_a_repository_that_was_emptied_asks_for_a_first_commit(stack, phone, github):
    repository = f"{USER}/emptied"
    await github.add_repository(repository, {"README.md": "hi\n"}, login=USER)
    project = await phone.add_project(repository)
    (stack.bare(repository) / "refs" / "heads" / "main").unlink()

    task = await run(phone, project, CHANGE)

    assert (task["status"], task["failure_reason"]) == ("failed", "repository")
    assert f"{repository}: it has no commit yet" in task["status_reason"]
    assert "push a first commit, then send the task on" in task["status_reason"]
    await no_container(task)


async def test_a_task_that_is_posted_while_github_is_away_waits_and_goes_on_by_itself(stack, phone, project, github):
    await stack.processes.stop("scheduler")
    await stack.start_scheduler(ERRAND_BEAT_SECONDS="0.5")
    await ready(stack)
    async with github.outage("/api/"):
        task = await phone.create_task(project, CHANGE)
        waiting = event("task_status_changed", status="pending")
        seen = await until(phone, task, lambda each: waiting(each) and "GitHub" in str(each["event"]["detail"]))
    await until(phone, task, is_final)

    assert "GitHub answered 502" in seen[-1]["event"]["detail"]["status_reason"]
    assert (await phone.task(task))["status"] == "completed"
