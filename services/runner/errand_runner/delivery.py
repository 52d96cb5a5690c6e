"""What a turn came to is delivered: committed, pushed with its checkpoint, and made a pull request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from errand.v1 import event_pb2, task_pb2
from errand.v1.dispatch_service_pb2 import OpenPullRequestRequest, OpenPullRequestResponse
from errand.v1.runner_pb2 import Assignment
from errand_common.clock import Clock
from errand_common.errors import ErrandError
from errand_common.values import FailureReason, summarise
from errand_runner import push_refusals
from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools.outcome import Refused
from errand_runner.broker.at_host import NotTold
from errand_runner.dispatch import Dispatch
from errand_runner.ending import AttemptFailed
from errand_runner.finish import Finish
from errand_runner.git import GitFailed
from errand_runner.outage import HostAway
from errand_runner.pull_request import BODY_BYTES, by_hand, check_words, title_of
from errand_runner.record import Recorder
from errand_runner.sandbox.answers import Taken
from errand_runner.saving import Keeper
from errand_runner.workspace import Changes, Workspace

CommitOf = Callable[[str], Awaitable[str]]
"""Where a reference is at the git host, asked of that and not of a sandbox; raises HostAway and NotTold."""


@dataclass(frozen=True)
class Delivery:
    """One attempt's; `patiently` does a step again while GitHub is away, and raises HostAway where it stays away."""

    assignment: Assignment
    dispatch: Dispatch
    recorder: Recorder
    clock: Clock
    patiently: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]
    redactor: Redactor
    keeper: Keeper

    async def push(self, workspace: Workspace, at_host: CommitOf) -> Changes | None:
        """Commit what was left and have the branch at the git host, as `at_host` says it is; None where there is
        nothing new. May be done again.

        Raises AttemptFailed.
        """
        task = self.assignment.task
        try:
            changes: Changes = await self.patiently(partial(self._committed, workspace))
            if changes.commits:
                await self.keeper.rest(await self._push(workspace, changes, at_host))
                return changes
            await self.keeper.save(workspace)
            return None
        except (GitFailed, HostAway, NotTold) as exc:
            if not isinstance(exc, HostAway):
                # The branch is refused, or the commit; the work is kept all the same.
                await self.keeper.save(workspace)
            why = push_refusals.meaning(str(exc))
            message = f"{task.branch} could not be pushed: {why}; the work is kept in the workspace, send the task on"
            raise AttemptFailed(FailureReason.PUSH, message) from exc

    async def _committed(self, workspace: Workspace) -> Changes:
        await workspace.commit_rest(f"Leave off work in progress\n\nErrand task {self.assignment.task.task_id}")
        return await workspace.changes()

    async def propose(self, workspace: Workspace, title: str, body: str) -> str:
        """Push what is committed and see that there is a pull request, at Claude's wish; tells it where.

        Raises Refused in words for Claude, and SandboxGone.
        """
        branch = self.assignment.task.branch
        try:
            changes = await workspace.changes()
            if not changes.commits:
                raise Refused(f"{branch} has no commit of its own yet: commit what belongs to the change first.")
            if changes.commit != await workspace.pushed_commit():
                await self.patiently(workspace.push)
                await self._tell_pushed(changes)
            opened = await self._opened(title, body, changes, chosen=True)
        except (GitFailed, HostAway, ErrandError) as exc:
            why = push_refusals.meaning(str(exc))
            raise Refused(f"The pull request could not be opened: {why}. It is tried again when you stop.") from exc
        where = f"its pull request is {opened.url}" if opened.url else "there is no pull request"
        return f"{branch} is pushed; {where}. {opened.remark and f'Note: {opened.remark}.'}".rstrip()

    async def open_pull_request(self, changes: Changes, finish: Finish) -> None:
        """See that there is one for what was pushed. Raises AttemptFailed."""
        task, started_s = self.assignment.task, self.clock.boot_s()
        title = title_of(self.redactor.text(task.prompt))
        try:
            await self._opened(title, finish.result, changes, check=check_words(finish.check))
        except (ErrandError, HostAway) as exc:
            message = f"{task.branch} is pushed, but its pull request could not be opened: {exc}; send the task on"
            message = f"{message}, or open it yourself at {by_hand(self.assignment.project, task)}"
            raise AttemptFailed(FailureReason.PULL_REQUEST, message) from exc
        await self.recorder.step(event_pb2.STEP_PULL_REQUEST, self.clock.boot_s() - started_s)

    async def _opened(
        self, title: str, words: str, changes: Changes, *, chosen: bool = False, check: str = ""
    ) -> OpenPullRequestResponse:
        """Others read it, so secrets go before it is cut to size: half of one is not recognised."""
        proposed = OpenPullRequestRequest(
            title=self.redactor.text(title),
            body=summarise(self.redactor.text(words), limit_bytes=BODY_BYTES),
            chosen=chosen,
            head_commit=changes.commit,
            asked=self.redactor.text(self.assignment.task.prompt),
            commits=changes.commits,
            diff_stat=_diff_stat(changes),
            check=check,
        )
        opening = partial(self.dispatch.open_pull_request, self.assignment.attempt, proposed)
        opened: OpenPullRequestResponse = await self.patiently(opening)
        return opened

    async def _tell_pushed(self, changes: Changes) -> None:
        task = self.assignment.task
        await self.recorder.branch_pushed(task.branch, commit=changes.commit, diff_stat=_diff_stat(changes))
        # What is pushed from here on may take the place of this, and of nothing else.
        task.head_commit = changes.commit

    async def _push(self, workspace: Workspace, changes: Changes, at_host: CommitOf) -> Taken | None:
        started_s, taken = self.clock.boot_s(), await workspace.checkpoints.take()
        is_new = changes.commit != await workspace.pushed_commit()
        if is_new or not await self._there(at_host):
            await self.patiently(lambda: workspace.push(taken))
            if taken is not None:
                await self.keeper.saved(taken)
            await self.recorder.step(event_pb2.STEP_PUSH, self.clock.boot_s() - started_s)
        elif taken is not None:
            await self.keeper.push(workspace, taken)
        await self._check_pushed(changes, await self._there(at_host), is_new=is_new)
        await self._tell_pushed(changes)
        return taken

    async def _check_pushed(self, changes: Changes, there: str, *, is_new: bool) -> None:
        """What git said of its push is one thing, what the git host has another."""
        if there == changes.commit:
            return
        if is_new or not there:
            raise GitFailed(f"the git host has {there or 'nothing'} there, and not {changes.commit}")
        # Others went on from what was pushed before.
        branch = self.assignment.task.branch
        await self.recorder.branch_moved(branch, commit=there, recorded=changes.commit, behind=0)

    async def _there(self, at_host: CommitOf) -> str:
        ref = f"refs/heads/{self.assignment.task.branch}"
        found: str = await self.patiently(lambda: at_host(ref))
        return found


def _diff_stat(changes: Changes) -> task_pb2.DiffStat:
    return task_pb2.DiffStat(files=changes.files, insertions=changes.insertions, deletions=changes.deletions)
