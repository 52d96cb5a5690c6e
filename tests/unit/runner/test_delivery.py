"""What is delivered holds no secret, whoever wrote it there."""

from dataclasses import replace

import pytest

from errand.v1.dispatch_service_pb2 import OpenPullRequestRequest, OpenPullRequestResponse
from errand.v1.runner_pb2 import Assignment, AttemptRef
from errand.v1.task_pb2 import Task
from errand_common.clock import Clock
from errand_common.errors import Denied, ErrandError
from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools.outcome import Refused
from errand_runner.broker.at_host import NotTold
from errand_runner.delivery import Delivery
from errand_runner.ending import AttemptFailed
from errand_runner.finish import Finish
from errand_runner.git import GitFailed, GitKilled
from errand_runner.outage import GitPatience, until_answered
from errand_runner.saving import Keeper
from errand_runner.workspace import Changes

SECRET = "the-secret-of-the-project-which-is-longer-than-what-a-title-may-have"


PUSHED = Changes("c0ffee", commits=1, files=1, insertions=1, deletions=0)


class Asked:
    """Stands for the scheduler and for the record."""

    def __init__(self, refusal: ErrandError | None = None) -> None:
        self.requests: list[OpenPullRequestRequest] = []
        self.refusal = refusal
        self.told: list[str] = []
        self.saved = 0

    async def open_pull_request(self, attempt, proposed):
        self.requests.append(proposed)
        if self.refusal is not None:
            raise self.refusal
        return OpenPullRequestResponse(url="https://github.com/octo/pricing/pull/7", number=7)

    async def branch_pushed(self, branch, *, commit, diff_stat):
        self.told.append(commit)

    async def branch_moved(self, branch, *, commit, recorded, behind):
        self.told.append(f"moved to {commit}")

    async def step(self, step, duration_s):
        pass

    async def delayed(self, reason, delay_s):
        self.told.append(reason)

    async def all_saved(self):
        self.saved += 1


class Work:
    """Stands for the workspace: what is committed in it, and what of that the git host has."""

    def __init__(self, changes: Changes = PUSHED, *, pushed: str = "", refusal: GitFailed | None = None) -> None:
        self.committed, self.pushed, self.refusal = changes, pushed, refusal
        self.pushes = 0

    async def commit_rest(self, message):
        pass

    @property
    def checkpoints(self):
        return self

    async def take(self):
        """There is nothing that is not committed."""

    async def changes(self):
        return self.committed

    async def pushed_commit(self):
        return self.pushed

    async def push(self, taken=None):
        self.pushes += 1
        if self.refusal is not None:
            raise self.refusal
        self.pushed = self.committed.commit


def delivery_of(asked: Asked, *, prompt: str = "Mend it") -> Delivery:
    task = Task(task_id="tsk_1", prompt=prompt, branch="errand/tsk_1")
    assignment = Assignment(attempt=AttemptRef(attempt_id="att_1"), task=task)
    redactor = Redactor([SECRET])
    keeper = Keeper(asked, at_once, redactor, asked.all_saved)  # type: ignore[arg-type]
    return Delivery(assignment, asked, asked, Clock(), at_once, redactor, keeper)  # type: ignore[arg-type]


async def at_once(step):
    return await step()


async def test_a_pull_request_shows_no_secret_that_stood_in_the_prompt_or_in_the_last_words():
    asked = Asked()
    delivery = delivery_of(asked, prompt=f"Log in with {SECRET}\nand mend it")
    changes = Changes("c0ffee", commits=1, files=1, insertions=1, deletions=0)

    await delivery.open_pull_request(changes, Finish(result=f"It works with {SECRET}.", changes=changes))

    (request,) = asked.requests
    assert request.title == "Log in with [redacted]"
    assert request.asked == "Log in with [redacted]\nand mend it"
    assert request.body == "It works with [redacted]."
    assert not request.chosen


async def test_at_claudes_wish_what_is_committed_is_pushed_and_proposed_in_its_words():
    asked, work = Asked(), Work()
    delivery = delivery_of(asked)

    told = await delivery.propose(work, f"Mend {SECRET}", "It was broken.")  # type: ignore[arg-type]

    assert "errand/tsk_1 is pushed; its pull request is https://github.com/octo/pricing/pull/7." in told
    (request,) = asked.requests
    assert request.title == "Mend [redacted]"
    assert (request.body, request.chosen, request.head_commit) == ("It was broken.", True, "c0ffee")
    assert (work.pushed, asked.told) == ("c0ffee", ["c0ffee"])
    # A rebase may take the place of what was pushed here.
    assert delivery.assignment.task.head_commit == "c0ffee"


async def test_what_the_git_host_has_is_not_pushed_again():
    asked = Asked()
    await delivery_of(asked).propose(Work(pushed="c0ffee"), "Mend it", "It was broken.")  # type: ignore[arg-type]
    assert (len(asked.requests), asked.told) == (1, [])


@pytest.mark.parametrize(
    ("work", "refusal", "words"),
    [
        (Work(Changes("c0ffee", commits=0, files=0, insertions=0, deletions=0)), None, "has no commit of its own yet"),
        (Work(refusal=GitFailed("the branch is protected")), None, "could not be opened: the branch is protected"),
        (Work(), Denied("you may not open one"), "could not be opened: you may not open one"),
    ],
)
async def test_why_there_is_no_pull_request_is_told_to_claude(work, refusal, words):
    with pytest.raises(Refused, match=words):
        await delivery_of(Asked(refusal)).propose(work, "Mend it", "It was broken.")


def answers(*commits):
    """What the git host says of the branch, one after the other."""
    left = list(commits)

    async def at_host(ref):
        assert ref == "refs/heads/errand/tsk_1"
        return left.pop(0)

    return at_host


@pytest.mark.parametrize(
    ("pushed", "at_host", "pushes", "told"),
    [
        ("", ["c0ffee"], 1, ["c0ffee"]),
        ("c0ffee", ["c0ffee", "c0ffee"], 0, ["c0ffee"]),
        # It was removed there.
        ("c0ffee", ["", "c0ffee"], 1, ["c0ffee"]),
        # Others went on from it.
        ("c0ffee", ["decade", "decade"], 0, ["moved to decade", "c0ffee"]),
    ],
)
async def test_what_is_delivered_is_where_the_git_host_says_it_is(pushed, at_host, pushes, told):
    asked, work = Asked(), Work(pushed=pushed)

    assert await delivery_of(asked).push(work, answers(*at_host)) == PUSHED  # type: ignore[arg-type]

    assert (work.pushes, asked.told, asked.saved) == (pushes, told, 1)


@pytest.mark.parametrize("there", ["", "decade"])
async def test_a_push_that_did_not_get_there_is_none_whatever_git_said(there):
    with pytest.raises(AttemptFailed, match=f"has {there or 'nothing'} there, and not c0ffee"):
        await delivery_of(Asked()).push(Work(), answers(there))  # type: ignore[arg-type]


async def test_a_git_host_that_does_not_say_where_the_branch_is_is_told():
    async def refuses(ref):
        raise NotTold("the git host answered 403 Forbidden")

    with pytest.raises(AttemptFailed, match="403 Forbidden"):
        await delivery_of(Asked()).push(Work(), refuses)  # type: ignore[arg-type]


async def test_a_git_that_was_killed_over_a_commit_is_run_again():
    asked, killed = Asked(), [GitKilled("git commit was killed by signal 9")]

    class Crowded(Work):
        async def commit_rest(self, message):
            if killed:
                raise killed.pop()

    async def patiently(step):
        return await until_answered(step, patience=GitPatience(3.0), clock=Clock(), delayed=asked.delayed)

    delivery = replace(delivery_of(asked), patiently=patiently)
    assert await delivery.push(Crowded(), answers("c0ffee")) == PUSHED  # type: ignore[arg-type]
    assert asked.told == ["git commit was killed by signal 9", "c0ffee"]
