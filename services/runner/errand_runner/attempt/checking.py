"""The project's declared check: run on the commit that was pushed, in a sandbox that is cloned and set up anew."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace

from errand.v1 import event_pb2
from errand_common import wire
from errand_common.tasks import until_one_ends
from errand_common.values import CheckOutcome, summarise
from errand_runner.attempt.kit import Kit
from errand_runner.attempt.quarters import Quarters
from errand_runner.clean import PLACE_S, NoPlace
from errand_runner.clone import CLONE_S
from errand_runner.ending import AttemptFailed
from errand_runner.finish import CheckResult, judged
from errand_runner.fresh_clone import clone_commit
from errand_runner.git import GitFailed
from errand_runner.lent_secrets import LentSecrets
from errand_runner.live import Say, redacted
from errand_runner.lodging import Lodged
from errand_runner.outage import HostAway
from errand_runner.sandbox.docker import EngineUnavailable, ImageMissing, SandboxFailed
from errand_runner.sandbox.quota import Quota
from errand_runner.sandbox.supervisor import FileError, SandboxGone
from errand_runner.scripts import Ran, run_script
from errand_runner.steps import CONTAINER_S, SETUP_S, StepLate
from errand_runner.workspace import REPOSITORY

# A script's own limit comes first, and says what it printed.
_LATE_S = 60.0

_TROUBLE = (
    AttemptFailed,
    EngineUnavailable,
    FileError,
    GitFailed,
    HostAway,
    ImageMissing,
    NoPlace,
    SandboxFailed,
    SandboxGone,
    StepLate,
)
"""What keeps a check from being run; it says nothing of the work."""


class Checking:
    """One attempt's. `known` is the last result of its task: what was run on a commit is not run on it again."""

    def __init__(self, kit: Kit, quarters: Quarters, secrets: Callable[[], LentSecrets], *, known: CheckResult) -> None:
        self._kit, self._quarters, self._secrets, self._known = kit, quarters, secrets, known

    async def result(self, commit: str) -> CheckResult:
        """Of a commit that is pushed; empty where none is. What was run is told, and what could not be run."""
        if not self._kit.project.check.script.strip():
            return CheckResult()
        if not commit:
            return CheckResult(outcome=CheckOutcome.NOT_RUN, reason="nothing was pushed that could be checked")
        key = key_of(self._kit, commit)
        if self._known.key == key and self._known.outcome is not CheckOutcome.NOT_RUN:
            return self._known
        try:
            found = await self._run(commit)
        except _TROUBLE as exc:
            found = CheckResult(outcome=CheckOutcome.NOT_RUN, reason=str(exc))
        # It may quote git, or whatever else was heard.
        reason = summarise(self._kit.redactor.text(found.reason))
        self._known = replace(found, commit=commit, key=key, reason=reason)
        await self._kit.recorder.check_finished(self._known)
        return self._known

    async def _run(self, commit: str) -> CheckResult:
        project, secrets = self._kit.project, self._secrets()
        await self._quarters.get_image()
        async with AsyncExitStack() as stack:
            lodged = await self._open(stack)
            await self._clone(lodged, commit)
            if project.setup_script.strip():
                setup = await self._script(
                    event_pb2.STEP_CHECK_SETUP, lodged, project.setup_script, env=secrets.setup, limit_s=SETUP_S
                )
                if not setup.passed:
                    return judged(setup, limit_s=SETUP_S, what="the setup script: ")
            limit_s = wire.seconds(project.check.limit_duration)
            # What only the setup script may have, what Claude wrote does not get.
            ran = await self._script(
                event_pb2.STEP_CHECK, lodged, project.check.script, env=secrets.agent, limit_s=limit_s
            )
            return judged(ran, limit_s=limit_s)

    async def _open(self, stack: AsyncExitStack) -> Lodged:
        kit = self._kit
        async with kit.steps.step(event_pb2.STEP_CHECK_CONTAINER, within_s=PLACE_S + CONTAINER_S):
            await kit.means.clean.place()
            await kit.freezer.gate()
            with kit.means.pool.starting():
                return await stack.enter_async_context(self._quarters.clean_room())

    async def _clone(self, lodged: Lodged, commit: str) -> None:
        kit, (sandbox, broker) = self._kit, lodged
        within_s = CLONE_S + kit.means.git_patience.budget_s
        async with kit.steps.step(event_pb2.STEP_CHECK_CLONE, within_s=within_s) as say:
            with redacted(say, kit.redactor) as say_redacted:
                await kit.patiently(
                    lambda: clone_commit(
                        sandbox.supervisor, broker, branch=kit.task.branch, commit=commit, say=say_redacted
                    )
                )

    async def _script(
        self, step: "event_pb2.Step.ValueType", lodged: Lodged, script: str, *, env: Mapping[str, str], limit_s: float
    ) -> Ran:
        kit, supervisor, done = self._kit, lodged[0].supervisor, list[Ran]()
        quota = Quota(kit.means.limits.workspace_bytes)
        quota.watch_over(supervisor)

        async def run(say: Say) -> None:
            ran = run_script(
                supervisor,
                script,
                file=f"{REPOSITORY}.{'check' if step == event_pb2.STEP_CHECK else 'setup'}.sh",
                folder=REPOSITORY,
                env=env,
                say=say,
                timeout_s=limit_s,
                redactor=kit.redactor,
            )
            done.append(await ran)

        async with kit.steps.step(step, within_s=limit_s + _LATE_S) as say:
            await until_one_ends(run(say), quota.watch())
        if hit := quota.take():
            raise SandboxFailed(hit.words)
        return done[0]


def key_of(kit: Kit, commit: str) -> str:
    """Where it is equal, the same would be run on the same commit: nothing can come of that."""
    project = kit.project
    seen = "\0".join((commit, project.check.script, project.setup_script, project.image))
    return hashlib.sha256(seen.encode()).hexdigest()
