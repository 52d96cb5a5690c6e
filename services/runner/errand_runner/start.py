"""What an attempt does before its conversation: the project's image, the clone, the setup script."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from errand.v1 import event_pb2
from errand.v1.task_pb2 import Project
from errand_common import images
from errand_common.values import FailureReason
from errand_runner.agent.redact import Redactor
from errand_runner.clone import CLONE_S, NothingToStartFrom
from errand_runner.ending import AttemptFailed
from errand_runner.git import GitFailed
from errand_runner.lent_secrets import LentSecrets
from errand_runner.live import redacted
from errand_runner.outage import HostAway
from errand_runner.sandbox.docker import ImageMissing, Images, SandboxSpec
from errand_runner.sandbox.supervisor import Supervisor
from errand_runner.setup import Setup, SetupFailed
from errand_runner.steps import SETUP_S, StepLate, Steps
from errand_runner.workspace import Footing, Workspace

Patiently = Callable[[Callable[[], Awaitable[Footing]]], Awaitable[Footing]]

_LATE_S = 60.0


@dataclass(frozen=True)
class SandboxImage:
    """What a sandbox is made of, as in SandboxSpec."""

    image: str
    image_env: tuple[str, ...] = ()
    workspace_image: str = ""


class Start:
    """One attempt's. Every method raises AttemptFailed, under a reason of its own, where its step does not succeed."""

    def __init__(
        self, project: Project, *, steps: Steps, images: Images, pull_within_s: float | None, redactor: Redactor
    ) -> None:
        """`pull_within_s`: None where an image that is not on this host is refused."""
        self._project, self._steps, self._images, self._pull_within_s = project, steps, images, pull_within_s
        self._redactor = redactor

    async def image(self, probe: SandboxSpec) -> SandboxImage:
        """The project's image, on this host and fit for use; the runner's own, that of `probe`, where it names none."""
        if not self._project.image:
            return SandboxImage(probe.image)
        try:
            name = images.parse(self._project.image)
        except ValueError as exc:
            raise AttemptFailed(FailureReason.IMAGE, f"{exc}; change it in the project's settings") from exc
        try:
            if self._pull_within_s is not None and not await self._images.has(name):
                async with self._steps.step(event_pb2.STEP_PULL, within_s=self._pull_within_s) as say:
                    await self._images.get(name, say)
            env = await self._images.look(name, probe)
        except StepLate as exc:
            message = f"image {name} could not be pulled: {exc}; see to the registry, then send the task on"
            raise AttemptFailed(FailureReason.IMAGE, message) from exc
        except ImageMissing as exc:
            raise AttemptFailed(FailureReason.IMAGE, str(exc)) from exc
        return SandboxImage(str(name), env, workspace_image=probe.image)

    async def clone(self, workspace: Workspace, patiently: Patiently, *, patience_s: float) -> Footing:
        """The repository, on the task's branch; `patiently` waits that long for the git host."""
        repository = self._project.repository
        try:
            async with self._steps.step(event_pb2.STEP_CLONE, within_s=CLONE_S + patience_s) as say:
                with redacted(say, self._redactor) as say_redacted:
                    return await patiently(lambda: workspace.prepare(say_redacted))
        except (GitFailed, HostAway, StepLate) as exc:
            message = f"{repository} could not be cloned: {exc}; send the task on to try again"
            raise AttemptFailed(FailureReason.CLONE, message) from exc
        except NothingToStartFrom as exc:
            raise AttemptFailed(FailureReason.REPOSITORY, f"{repository}: {exc}") from exc

    async def set_up(self, supervisor: Supervisor, secrets: LentSecrets) -> None:
        """Run the project's script, unless there is none or this clone has seen it."""
        project = self._project
        setup = Setup(supervisor, project.setup_script, image=project.image, secrets=secrets)
        if not await setup.is_due():
            return
        try:
            # The script's own limit comes first, and says what it printed.
            async with self._steps.step(event_pb2.STEP_SETUP, within_s=SETUP_S + _LATE_S) as say:
                await setup.run(say=say, timeout_s=SETUP_S, redactor=self._redactor)
        except (SetupFailed, StepLate) as exc:
            message = f"the setup script failed: {exc}\nMend it in the project's settings, then send the task on"
            raise AttemptFailed(FailureReason.SETUP, message) from exc
