"""What is lent to a task: a token of the App that dies with it; at another git host, what its person brought."""

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest
import pytest_asyncio

from tests.demo.outside import check_out_branch
from tests.demo.phone import is_final
from tests.demo.stack import REPOSITORY, USER
from tests.e2e.places import BLOBS, holds, output_of, places, processes, volume
from tests.e2e.watching import ready, run, started, until
from tests.standins.github.remote import RemoteGitHub

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "run-command"
CHANGE = "Run: echo new > NEWS.md"
LOOK = "env; git config --list --show-origin; git fetch; cat /proc/[0-9]*/environ /run/broker/* 2>/dev/null"
LIBRARY = "octo/library"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def settings(stack):
    """GitHub knows the app, and the scheduler has its key; the same server is another git host as well."""
    app = await RemoteGitHub(stack.github).add_app("errand", REPOSITORY)
    key = stack.folder / "app.pem"
    key.write_text(app["key"])
    return {
        "ERRAND_GITHUB_APP_ID": app["id"],
        "ERRAND_GITHUB_APP_KEY_FILE": str(key),
        "ERRAND_GIT_HOSTS": stack.github["url"],
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def github(stack, settings):
    """With a scheduler that works as the app, and a runner that asks again before long."""
    for service in ("runner", "scheduler"):
        await stack.processes.stop(service)
    await stack.start_scheduler(**settings)
    await stack.start_runner(ERRAND_GIT_PATIENCE_SECONDS="60")
    await ready(stack)
    return RemoteGitHub(stack.github)


def copies(stack):
    """How many sealed tokens wait to be revoked."""
    with closing(sqlite3.connect(f"file:{stack.database}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM installation_tokens").fetchone()[0]


async def test_work_is_pushed_and_proposed_as_the_app_whose_token_is_dead_afterwards(
    stack, phone, project, github, tmp_path
):
    before = set(await github.live_app_tokens())
    task = await run(phone, project, CHANGE)

    assert task["status"] == "completed"
    assert check_out_branch(stack.bare(), task["branch"], tmp_path / "clone")
    assert await github.pull_request_authors(REPOSITORY) == ["errand[bot]"]
    limits = [each["detail"]["summary"] for each in await phone.events(task) if each["kind"] == "push_limited"]
    assert [".github/workflows" in words for words in limits] == [True]
    async with asyncio.timeout(10):
        while set(await github.live_app_tokens()) - before:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("only", "after", "never_lent"),
    [
        ("/access_tokens", False, 0),
        ("/access_tokens", True, 1),
        ("service=git-upload-pack", False, 0),
        ("/installation/token", False, 0),
        ("/installation/token", True, 0),
    ],
    ids=["not made yet", "made, and nobody has it", "lent, and about to be used", "not revoked yet", "revoked"],
)
async def test_what_was_lent_is_revoked_wherever_the_scheduler_is_killed(
    stack, phone, project, github, settings, only, after, never_lent
):
    before = set(await github.live_app_tokens())
    scheduler = stack.processes.running["scheduler"]
    await github.kill_at(scheduler.pid, only=only, after=after)
    task = await phone.create_task(project, CHANGE)

    async with asyncio.timeout(30):
        await scheduler.wait()
    await stack.processes.kill("scheduler")
    await stack.start_scheduler(**settings)
    await ready(stack)
    await until(phone, task, is_final)

    assert (await phone.task(task))["status"] == "completed"
    async with asyncio.timeout(10):
        while copies(stack):
            await asyncio.sleep(0.05)
    # One that GitHub made as the scheduler died is known to nobody, and ends by itself within the hour.
    assert len(set(await github.live_app_tokens()) - before) == never_lent


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def elsewhere(stack, phone, github):
    """A project at another git host, whose tasks may read a second repository there."""
    host = stack.github["url"].removeprefix("http://")
    await github.add_repository(LIBRARY, {"README.md": "a library"}, login=USER)
    brought = {"username": USER, "password": await github.issue_token(USER)}
    await phone.put(f"/v1/git-credentials/{host}", brought)
    project = (await phone.post("/v1/projects", {"repo_url": f"{stack.github['url']}/{REPOSITORY}.git"}))["project"]
    return await phone.update_project(project, read_repositories=[LIBRARY])


async def test_work_at_another_git_host_comes_back_as_a_branch(stack, phone, elsewhere, tmp_path):
    library = f"{stack.github['url']}/{LIBRARY}.git"
    task = await run(phone, elsewhere, f"{CHANGE}; git clone -q {library} /tmp/library && cat /tmp/library/README.md")

    said = json.dumps(await phone.messages(task))
    assert "a library" in said, "what the project may read beside its own is there too"
    assert (task["status"], task.get("pull_request_url", "")) == ("completed", "")
    assert check_out_branch(stack.bare(), task["branch"], tmp_path / "clone")


async def test_a_push_that_brings_a_workflow_ends_with_githubs_words_and_was_warned_of_before(phone, project):
    task = await run(phone, project, "Run: mkdir -p .github/workflows && echo 'on: push' > .github/workflows/ci.yml")

    assert task["status"] == "failed"
    words = "a GitHub App is not allowed to create or change the workflow `.github/workflows/ci.yml`"
    assert words in task["status_reason"]
    kinds = [each["kind"] for each in await phone.events(task)]
    assert kinds.index("push_limited") < kinds.index("tool_call_started")


@pytest.mark.parametrize("lent", ["a token of the app", "what its person brought"])
async def test_what_is_lent_is_found_nowhere(stack, phone, project, elsewhere, github, lent):
    theirs = project if lent == "a token of the app" else elsewhere
    task = await phone.task(await started(phone, theirs, f"({LOOK}) | tee seen; echo all was seen; sleep 600"))
    canaries = [*await github.tokens(), (stack.folder / "app.pem").read_text().splitlines()[9]]
    container = task["container_id"]
    files = output_of("docker", "inspect", container) + output_of("docker", "export", container)
    told = [[await phone.events(each), await phone.messages(each)] for each in (await phone.get("/v1/tasks"))["tasks"]]
    found = {
        **places(stack),
        "container": files + processes(task),
        "volume": volume(stack, task),
        "event stream": json.dumps(told).encode(),
        "pull requests": "".join(await github.pull_request_texts(REPOSITORY)).encode(),
    }
    await phone.stop(task)

    # Nothing in it was long enough for a blob.
    assert [place for place, data in found.items() if not data] == [BLOBS]
    assert {place: kept for place, data in found.items() if (kept := holds(data, canaries))} == {}
