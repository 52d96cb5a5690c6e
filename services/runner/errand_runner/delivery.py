"""What a turn came to is delivered: committed, pushed with its checkpoint, and made a pull request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from errand.v1 import event_pb2, task_pb2
from errand.v1.runner_pb2 import Assignment
from errand_common.clock import Clock
from errand_common.errors import ErrandError
from errand_common.values import FailureReason
from errand_runner.agent.facts import TurnEnded
from errand_runner.agent.redact import Redactor
from errand_runner.dispatch import Dispatch
from errand_runner.ending import AttemptFailed
from errand_runner.git import GitFailed
from errand_runner.outage import HostAway
from errand_runner.pull_request import body_of, title_of
from errand_runner.record import Recorder
from errand_runner.saving import Keeper
from errand_runner.workspace import Changes, Workspace


@dataclass(frozen=True)
class Delivery:
    """One attempt's; `patiently` does a step again while GitHub is away, and raises HostAway where it stays away."""

    assignment: Assignment
    dispatch: Dispatch
    recorder: Recorder
    clock: Clock
    patiently: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]
    redactor: Redactor

    async def push(self, workspace: Workspace) -> Changes | None:
        """Commit what was left and push the branch; None where there is nothing new. May be done again.

        Raises AttemptFailed.
        """
        task = self.assignment.task
        try:
            await workspace.commit_rest(f"Leave off work in progress\n\nErrand task {task.task_id}")
            changes = await workspace.changes()
            if changes.commits:
                await self._push(workspace, changes)
                return changes
            await self._keeper.save(workspace)
            return None
        except (GitFailed, HostAway) as exc:
            if isinstance(exc, GitFailed):
                # The branch is refused, or the commit; the work is kept all the same.
                await self._keeper.save(workspace)
            message = f"{task.branch} could not be pushed: {exc}; the work is kept in the workspace, send the task on"
            raise AttemptFailed(FailureReason.PUSH, message) from exc

    async def open_pull_request(self, changes: Changes, ended: TurnEnded) -> None:
        """See that there is one for what was pushed. Raises AttemptFailed."""
        task, started_s = self.assignment.task, self.clock.boot_s()
        # Others read it. Before it is cut to size: half a secret is not recognised.
        told = task_pb2.Task(task_id=task.task_id, prompt=self.redactor.text(task.prompt))
        title, body = title_of(told.prompt), body_of(told, changes, self.redactor.text(ended.text))
        try:
            await self.patiently(
                lambda: self.dispatch.open_pull_request(self.assignment.attempt, title=title, body=body)
            )
        except (ErrandError, HostAway) as exc:
            message = f"{task.branch} is pushed, but its pull request could not be opened: {exc}; send the task on"
            raise AttemptFailed(FailureReason.PULL_REQUEST, message) from exc
        await self.recorder.step(event_pb2.STEP_PULL_REQUEST, self.clock.boot_s() - started_s)

    @property
    def _keeper(self) -> Keeper:
        return Keeper(self.recorder, self.patiently, self.redactor)

    async def _push(self, workspace: Workspace, changes: Changes) -> None:
        started_s, taken = self.clock.boot_s(), await workspace.checkpoints.take()
        if changes.commit != await workspace.pushed_commit():
            await self.patiently(lambda: workspace.push(taken))
            if taken is not None:
                await self._keeper.saved(taken)
            await self.recorder.step(event_pb2.STEP_PUSH, self.clock.boot_s() - started_s)
        elif taken is not None:
            await self._keeper.push(workspace, taken)
        diff_stat = task_pb2.DiffStat(files=changes.files, insertions=changes.insertions, deletions=changes.deletions)
        await self.recorder.branch_pushed(self.assignment.task.branch, commit=changes.commit, diff_stat=diff_stat)
