"""What is lent to a task: a token of the App that dies with it; at another git host, what its person brought."""

import asyncio

import pytest
import pytest_asyncio

from tests.demo.outside import check_out_branch
from tests.demo.stack import REPOSITORY, USER
from tests.e2e.watching import ready, run
from tests.standins.github.remote import RemoteGitHub

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "run-command"
CHANGE = "Run: echo new > NEWS.md"


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def github(stack):
    """GitHub knows the app, and the scheduler has its key; the same server is another git host as well."""
    remote = RemoteGitHub(stack.github)
    app = await remote.add_app("errand", REPOSITORY)
    key = stack.folder / "app.pem"
    key.write_text(app["key"])
    await stack.processes.stop("scheduler")
    await stack.start_scheduler(
        ERRAND_GITHUB_APP_ID=app["id"],
        ERRAND_GITHUB_APP_KEY_FILE=str(key),
        ERRAND_GIT_HOSTS=stack.github["url"],
    )
    await ready(stack)
    return remote


async def test_work_is_pushed_and_proposed_as_the_app_whose_token_is_dead_afterwards(
    stack, phone, project, github, tmp_path
):
    task = await run(phone, project, CHANGE)

    assert task["status"] == "completed"
    assert check_out_branch(stack.folder / "github" / f"{REPOSITORY}.git", task["branch"], tmp_path / "clone")
    assert await github.pull_request_authors(REPOSITORY) == ["errand[bot]"]
    limits = [each["detail"]["summary"] for each in await phone.events(task) if each["kind"] == "push_limited"]
    assert [".github/workflows" in words for words in limits] == [True]
    async with asyncio.timeout(10):
        while await github.live_app_tokens():
            await asyncio.sleep(0.05)


async def test_work_at_another_git_host_comes_back_as_a_branch(stack, phone, github, tmp_path):
    host = stack.github["url"].removeprefix("http://")
    brought = {"username": USER, "password": await github.issue_token(USER)}
    await phone.put(f"/v1/git-credentials/{host}", brought)
    project = (await phone.post("/v1/projects", {"repo_url": f"{stack.github['url']}/{REPOSITORY}.git"}))["project"]
    task = await run(phone, project, CHANGE)

    assert (task["status"], task.get("pull_request_url", "")) == ("completed", "")
    assert check_out_branch(stack.folder / "github" / f"{REPOSITORY}.git", task["branch"], tmp_path / "clone")


async def test_a_push_that_brings_a_workflow_ends_with_githubs_words_and_was_warned_of_before(phone, project):
    task = await run(phone, project, "Run: mkdir -p .github/workflows && echo 'on: push' > .github/workflows/ci.yml")

    assert task["status"] == "failed"
    words = "a GitHub App is not allowed to create or change the workflow `.github/workflows/ci.yml`"
    assert words in task["status_reason"]
    kinds = [each["kind"] for each in await phone.events(task)]
    assert kinds.index("push_limited") < kinds.index("tool_call_started")
