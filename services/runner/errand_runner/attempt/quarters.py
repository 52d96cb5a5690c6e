"""Where one attempt lives: its image, and the sandbox, broker and workspace that are made for it."""

from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from errand_runner.attempt.kit import Kit
from errand_runner.broker.broker import Broker, Egress
from errand_runner.checkpoint import ref_of
from errand_runner.engine_outage import until_engine_answers
from errand_runner.footing import is_first
from errand_runner.lodger import Lodger, Settle
from errand_runner.lodging import Lodged, Lodging
from errand_runner.sandbox.docker import SandboxSpec
from errand_runner.start import SandboxImage, Start
from errand_runner.workspace import Workspace


class Quarters:
    """One attempt's; `image` is what its sandboxes are made of, once it was got. `lived_in`: it worked there, and there
    may be a checkpoint of that."""

    def __init__(self, kit: Kit, start: Start) -> None:
        self._kit, self._start = kit, start
        self.image = SandboxImage(kit.means.image)
        self.lived_in = False

    async def get_image(self) -> None:
        """Have the project's image on this host. Raises AttemptFailed and EngineUnavailable."""
        kit, means = self._kit, self._kit.means
        probe = self._spec(means.ids.new("sbx"), "", means.socket_root)

        async def get() -> SandboxImage:
            await kit.freezer.gate()
            return await self._start.image(probe)

        if not kit.recorder.began:
            # It may begin on another host while the engine of this one is away.
            self.image = await get()
            return
        patience_s, away = means.engine_patience_s, kit.recorder.engine_away
        self.image = await until_engine_answers(get, patience_s=patience_s, clock=kit.clock, away=away)

    def lodger(self, settle: Settle) -> Lodger:
        """Of the image that was got; `settle` as in Lodger."""
        kit, means = self._kit, self._kit.means
        lodging = Lodging(
            kit.log.attempt_id,
            kit.task.task_id,
            engine=means.engine,
            journal=means.journal,
            book=means.book,
            ids=means.ids,
            socket_root=means.socket_root,
            freezer=kit.freezer,
            recorder=kit.recorder,
            steps=kit.steps,
            new_broker=self._broker,
            new_spec=self._spec,
            made_ahead=partial(means.pool.take, **asdict(self.image)),
        )
        return Lodger(
            lodging,
            engine=means.engine,
            patience_s=means.engine_patience_s,
            gate=kit.freezer.gate,
            clock=kit.clock,
            recorder=kit.recorder,
            settle=settle,
        )

    def workspace(self, lodged: Lodged) -> Workspace:
        """The task's, as it is seen in that sandbox."""
        kit, (sandbox, broker) = self._kit, lodged
        holding = kit.means.book.of(kit.task.task_id)
        assert holding is not None, "who is lodged has a workspace"
        return Workspace(
            sandbox.supervisor,
            remote_url=broker.remote_url,
            branch=kit.task.branch,
            default_branch=kit.project.default_branch,
            host=broker.host,
            task_id=kit.task.task_id,
            workspace_id=holding.workspace_id,
            head=kit.task.head_commit,
            checkpoint_commit=kit.task.checkpoint_commit,
            earlier=self.lived_in or kit.recorder.began or not is_first(kit.assignment.attempt.fence),
            git_config=broker.git_config,
        )

    def clean_room(self) -> AbstractAsyncContextManager[Lodged]:
        """A sandbox like the task's own on a volume of its own, from which nothing can be pushed (CleanRooms.open)."""
        return self._kit.means.clean.open(self._spec, self._reading_broker, self._kit.freezer)

    def _reading_broker(self, socket_dir: Path) -> Broker:
        kit, leases, attempt_id = self._kit, self._kit.means.leases, self._kit.log.attempt_id
        return Broker(
            socket_dir=socket_dir,
            remotes=[replace(remote, push_refs=frozenset()) for remote in kit.remotes],
            allow=lambda: leases.fresh(attempt_id),
            holds=lambda: leases.holds(attempt_id),
            egress=Egress(rules=kit.rules, internet=kit.means.internet, ledger=kit.ledger),
        )

    def _broker(self, socket_dir: Path) -> Broker:
        kit, leases, attempt_id = self._kit, self._kit.means.leases, self._kit.log.attempt_id
        return Broker(
            socket_dir=socket_dir,
            remotes=kit.remotes,
            allow=lambda: leases.fresh(attempt_id),
            holds=lambda: leases.holds(attempt_id),
            only_ref=lambda: ref_of(kit.task.task_id) if kit.inbox.stopped else "",
            egress=Egress(rules=kit.rules, internet=kit.means.internet, ledger=kit.ledger),
            fetches=not kit.recorder.began,
        )

    def _spec(self, sandbox_id: str, workspace_id: str, socket_dir: Path) -> SandboxSpec:
        kit, means = self._kit, self._kit.means
        return SandboxSpec(
            sandbox_id=sandbox_id,
            workspace_id=workspace_id,
            task_id=kit.task.task_id,
            runner_id=kit.runner_id,
            socket_dir=socket_dir,
            limits=means.limits,
            runtime=means.runtime,
            **asdict(self.image),
        )
