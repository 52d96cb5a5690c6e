"""When what an attempt has goes to the git host: beside the next turn, and before an end that delivers nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from errand_common.tasks import until_one_ends
from errand_runner.agent.redact import Redactor
from errand_runner.git import GitFailed
from errand_runner.lodger import Lodger
from errand_runner.lodging import Lodged
from errand_runner.outage import HostAway
from errand_runner.record import Recorder
from errand_runner.sandbox.answers import Taken
from errand_runner.sandbox.supervisor import SandboxGone
from errand_runner.workspace import Workspace

Patiently = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]
Noted = Callable[[], Awaitable[None]]

LAST_S = 120.0
"""How long an attempt that parks waits for its checkpoint: the person may want to go on, and the workspace stays."""

# A tool does not wait longer for the working tree before it to be gone through.
_TOOL_WAITS_S = 120.0


@dataclass(frozen=True)
class Keeper:
    """Has checkpoints at the git host, and tells what comes of it. `patiently` does a step again while the git host is
    away, and raises HostAway where it stays away. `all_saved` hears that the git host has all there is. Its methods
    raise SandboxGone and OutboxError too."""

    recorder: Recorder
    patiently: Patiently
    redactor: Redactor
    all_saved: Noted

    async def save(self, workspace: Workspace) -> None:
        """Where nothing is at work: make one of what the git host does not have, and have it there."""
        try:
            if (taken := await workspace.checkpoints.take()) is not None:
                await self.push(workspace, taken)
            await self.rest(taken)
        except (GitFailed, HostAway) as exc:
            await self.failed(str(exc))

    async def push(self, workspace: Workspace, taken: Taken) -> None:
        """Have one that was made at the git host. Raises GitFailed and HostAway."""
        await self.patiently(lambda: workspace.checkpoints.push(taken))
        await self.saved(taken)

    async def saved(self, taken: Taken) -> None:
        """The git host has it."""
        left_out = self.redactor.text(taken.left_out)
        await self.recorder.checkpoint_saved(
            taken.commit, head=taken.head, left_out_count=taken.left_out_count, left_out=left_out
        )

    async def rest(self, taken: Taken | None) -> None:
        """Nothing is at work any more, and the git host has the last checkpoint, if one was needed."""
        if taken is None or not taken.left_out_count:
            await self.all_saved()

    async def failed(self, reason: str) -> None:
        """The git host does not have it."""
        await self.recorder.checkpoint_failed(self.redactor.text(reason))


class Saving:
    """One attempt's. `workspace_of` is the workspace in a sandbox."""

    def __init__(self, lodger: Lodger, keeper: Keeper, *, workspace_of: Callable[[Lodged], Workspace]) -> None:
        self._lodger, self._keeper, self._workspace_of = lodger, keeper, workspace_of
        self._wanted, self._taken = asyncio.Event(), asyncio.Event()
        self._taken.set()

    def begin(self) -> None:
        """A turn is over, and another follows: `run` sees to it. One that is still on its way is given up for it."""
        self._taken.clear()
        self._wanted.set()

    async def taken(self) -> None:
        """Returns when the working tree may be changed again: all of it is in the checkpoint that was begun last."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_TOOL_WAITS_S):
                await self._taken.wait()

    async def run(self) -> None:
        """Save whenever it is wanted, until cancelled. Raises OutboxError."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._save()
            except SandboxGone as exc:
                # Whoever needs the sandbox has it replaced; the next turn's end saves what this one did.
                structlog.get_logger().info("checkpoint_given_up", reason=str(exc))
            finally:
                if not self._wanted.is_set():
                    self._taken.set()

    async def last(self) -> None:
        """The attempt gives its sandbox back and delivers nothing: save what there is, for a bounded time.

        Raises what `Lodger.move` does, and OutboxError.
        """
        try:
            async with asyncio.timeout(LAST_S):
                await self._lodger.through(lambda lodged: self._keeper.save(self._workspace_of(lodged)))
        except TimeoutError:
            await self._keeper.failed(f"the git host did not take it within {LAST_S:.0f} s")

    async def _save(self) -> None:
        workspace = self._workspace_of(self._lodger.lodged)
        try:
            if (taken := await workspace.checkpoints.take()) is None:
                return
            self._taken.set()
            await until_one_ends(self._keeper.push(workspace, taken), self._superseded())
        except (GitFailed, HostAway) as exc:
            await self._keeper.failed(str(exc))

    async def _superseded(self) -> None:
        await self._wanted.wait()
