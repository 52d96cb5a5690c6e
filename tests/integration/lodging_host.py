"""What the tests of lodgings share: a runner's process as an attempt sees it, over a real engine."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import docker

from errand.v1.event_pb2 import EventBody
from errand.v1.runner_pb2 import AttemptEvent
from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.book import Book
from errand_runner.brake import Brake
from errand_runner.broker.broker import Broker
from errand_runner.deltas import Deltas
from errand_runner.freezer import Freezer
from errand_runner.journal import Entry, Journal
from errand_runner.lease import Leases
from errand_runner.leftovers import Leftovers
from errand_runner.lodging import Lodging
from errand_runner.outbox import Outbox
from errand_runner.record import Recorder
from errand_runner.sandbox.docker import Engine, Sandbox, SandboxSpec
from errand_runner.sandbox.limits import Limits
from errand_runner.steps import Steps
from errand_runner.warm import Warm
from tests.integration.brokering import Lender, own_remote


async def nobody() -> None:
    """No sandbox waits."""


@dataclass
class Host:
    """What one process of a runner has; `folder` is what the next one finds."""

    engine: Engine
    runner_id: str
    image: str
    folder: Path
    task_id: str
    attempt_id: str
    journal: Journal
    book: Book
    leases: Leases
    outbox: Outbox
    made_ahead: Callable[[], Awaitable[Warm | None]] = nobody

    @property
    def leftovers(self) -> Leftovers:
        return Leftovers(self.engine, self.journal, self.book, self.leases, socket_root=self.folder / "s")

    @asynccontextmanager
    async def lodged(self) -> AsyncIterator[Sandbox]:
        """As an attempt does it."""
        lodging = self.lodging(self.recorder())
        async with lodging.workspace(), AsyncExitStack() as stack:
            sandbox, _ = await lodging.open(stack)
            yield sandbox

    @asynccontextmanager
    async def lodged_beside(self) -> AsyncIterator[Sandbox]:
        """A sandbox of another attempt, of another task."""
        ids = Ids(Clock())
        sandbox_id = ids.new("sbx")
        spec = self.spec(sandbox_id, ids.new("wsp"), self.folder / "s" / sandbox_id)
        spec.socket_dir.mkdir()
        async with self.engine.open(replace(spec, task_id=ids.new("tsk"))) as sandbox:
            yield sandbox

    def recorder(self) -> Recorder:
        """Of the attempt."""
        log = self.outbox.hold(self.attempt_id, 1)
        return Recorder(log, Deltas(self.outbox.changed), task_id=self.task_id)

    def lodging(self, recorder: Recorder) -> Lodging:
        """Of the attempt."""
        freezer = Freezer(self.attempt_id, leases=self.leases, brake=Brake(self.leases), clock=Clock(), teller=recorder)
        return Lodging(
            self.attempt_id,
            self.task_id,
            engine=self.engine,
            journal=self.journal,
            book=self.book,
            ids=Ids(Clock()),
            socket_root=self.folder / "s",
            freezer=freezer,
            recorder=recorder,
            steps=Steps(recorder=recorder, freezer=freezer, ids=Ids(Clock())),
            new_broker=self.broker,
            new_spec=self.spec,
            made_ahead=self.made_ahead,
        )

    def spec(self, sandbox_id: str, workspace_id: str, socket_dir: Path) -> SandboxSpec:
        return SandboxSpec(
            sandbox_id=sandbox_id,
            workspace_id=workspace_id,
            task_id=self.task_id,
            runner_id=self.runner_id,
            image=self.image,
            socket_dir=socket_dir,
            limits=Limits(memory_bytes=256 << 20),
            patience_s=600,
        )

    def broker(self, socket_dir: Path) -> Broker:
        return Broker(
            socket_dir=socket_dir,
            remotes=[own_remote("http://127.0.0.1:1/octo/demo.git", Lender([""]))],
            allow=lambda: False,
            holds=lambda: True,
        )

    @property
    def workspace_id(self) -> str:
        """The volume of the task."""
        holding = self.book.of(self.task_id)
        assert holding is not None
        return holding.workspace_id

    def told(self) -> list[str]:
        """The kinds of events in the attempt's log."""
        return [body.WhichOneof("kind") or "" for body in self.events()]

    def events(self) -> list[EventBody]:
        """The attempt's log."""
        log = self.outbox.logs[self.attempt_id]
        return [AttemptEvent.FromString(record.data).body for record in log.after(0, limit_bytes=1 << 20)]


@asynccontextmanager
async def next_process(
    engine: Engine, runner_id: str, image: str, folder: Path, task_id: str, attempt_id: str
) -> AsyncIterator[Host]:
    (folder / "s").mkdir(exist_ok=True)
    leases, outbox = Leases(Clock()), Outbox(folder / "outbox")
    leases.renew((attempt_id,), asked_s=Clock().boot_s())
    journal, book = Journal(folder / "sandboxes"), Book(folder / "workspaces", Clock())
    try:
        yield Host(engine, runner_id, image, folder, task_id, attempt_id, journal, book, leases, outbox)
    finally:
        outbox.close()


def leave(host: Host, client: docker.DockerClient, ids: Ids, *, until: str) -> str:
    """As a process would that was killed then: the id of its container, if it has one."""
    entry = Entry(ids.new("sbx"), host.attempt_id)
    host.journal.prepare(entry)
    socket_dir = host.folder / "s" / entry.sandbox_id
    socket_dir.mkdir()
    if until == "prepared":
        return ""
    container = client.containers.create(
        host.image,
        ["sleep", "600"],
        name=entry.sandbox_id,
        user="200000:200000",
        labels={
            "errand.managed": "1",
            "errand.runner": host.runner_id,
            "errand.sandbox": entry.sandbox_id,
            "errand.task": host.task_id,
        },
        volumes={
            host.workspace_id: {"bind": "/workspace", "mode": "rw"},
            str(socket_dir): {"bind": "/run/broker", "mode": "ro"},
            str(next(host.folder.glob("guest-*"))): {"bind": "/opt/errand", "mode": "ro"},
        },
    )
    if until != "made":
        container.start()
    if until == "written down":
        host.journal.created(entry.sandbox_id, str(container.id))
    return str(container.id)
