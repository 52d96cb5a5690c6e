"""What an attempt proposes: checked, joined with what is known of its task, and settled at GitHub."""

import re

from errand.v1 import dispatch_service_pb2 as pb
from errand_common.clock import Clock
from errand_common.errors import Invalid
from errand_scheduler.access.lending import Lending
from errand_scheduler.edges.pull_request_facts import Facts, footer
from errand_scheduler.github import Proposal, Wanted
from errand_scheduler.lifecycle import pull_requests
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.store import projects, tasks, users, worked
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.writer import Writer

_TITLE_CHARACTERS = 256
_BODY_BYTES = 60 * 1024
_ASKED_BYTES = 64 * 1024
_CHECK_BYTES = 1024
_COMMIT = re.compile(r"|[0-9a-f]{40}|[0-9a-f]{64}")


class PullRequests:
    """`public_url` is where people reach the page, on which a task's has its id."""

    def __init__(self, *, reader: Reader, writer: Writer, clock: Clock, lending: Lending, public_url: str) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._lending = lending
        self._page = f"{public_url}/#/tasks/"

    async def open(
        self, attempt: Attempt, holder: Holder, request: pb.OpenPullRequestRequest
    ) -> pb.OpenPullRequestResponse:
        """Open the task's pull request, or bring the one that is open up to date. Raises as the contract says."""
        _check(request)
        task = await self._reader.one(tasks.by_id(attempt.task_id))
        assert task is not None  # foreign key
        project = await self._reader.one(projects.by_id(task.project_id))
        assert project is not None  # foreign key
        proposal = Proposal(
            repository=project.repository,
            head=task.branch,
            base=project.default_branch,
            commit=request.head_commit,
            wanted=Wanted(
                title=request.title,
                words=request.body,
                facts=footer(await self._facts(task, request)),
                chosen=request.chosen,
                attempt=attempt.fence,
            ),
            draft=project.draft_pull_requests,
            before=bool(task.pull_request_url),
        )
        settled = await self._lending.settle_pull_request(attempt, project, proposal)
        await self._writer.write(
            lambda tx: pull_requests.note(
                tx, holder, url=settled.url, number=settled.number, draft=settled.draft, remark=settled.remark
            )
        )
        return pb.OpenPullRequestResponse(
            url=settled.url, number=settled.number, draft=settled.draft, remark=settled.remark
        )

    async def _facts(self, task: Task, request: pb.OpenPullRequestRequest) -> Facts:
        user = await self._reader.one(users.by_id(task.user_id))
        assert user is not None  # foreign key
        worked_us = await self._reader.one(worked.time_us(task.task_id, now_us=self._clock.now_us()))
        return Facts(
            task_id=task.task_id,
            page=f"{self._page}{task.task_id}",
            asked_by=user.github_username,
            asked=request.asked,
            models=await self._reader.all(worked.models(task.task_id)),
            cost_nanodollars=task.usage.cost_nanodollars,
            worked_s=(worked_us or 0) / 1e6,
            commits=request.commits,
            files=request.diff_stat.files,
            insertions=request.diff_stat.insertions,
            deletions=request.diff_stat.deletions,
            blocked_hosts=task.blocked_hosts,
            check=request.check,
        )


def _check(request: pb.OpenPullRequestRequest) -> None:
    if not 1 <= len(request.title) <= _TITLE_CHARACTERS:
        raise Invalid(f"title has {len(request.title)} characters; it must have 1 to {_TITLE_CHARACTERS}")
    for name, text, most in (
        ("body", request.body, _BODY_BYTES),
        ("asked", request.asked, _ASKED_BYTES),
        ("check", request.check, _CHECK_BYTES),
    ):
        if (size := len(text.encode())) > most:
            raise Invalid(f"{name} has {size} bytes; the most is {most}")
    if not _COMMIT.fullmatch(request.head_commit):
        raise Invalid(f'head_commit "{request.head_commit[:80]}" is not the name of a commit')
