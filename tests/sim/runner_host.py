"""A runner's host: a folder, containers, and whatever process of the real runner lives on it just now."""

import asyncio
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from errand.v1 import dispatch_service_pb2
from errand_common import rpc
from errand_common.errors import Conflict, ErrandError
from errand_common.ids import Ids
from errand_common.tasks import until_one_ends
from errand_runner.book import Book
from errand_runner.deltas import Deltas
from errand_runner.dispatch import Dispatch
from errand_runner.heartbeat import Pulse
from errand_runner.journal import Journal
from errand_runner.lease import Leases
from errand_runner.leftovers import Leftovers
from errand_runner.outbox import Outbox
from errand_runner.outbox.budget import AheadLimits
from errand_runner.session import Sessions
from errand_runner.worker import Worker
from tests.sim.attempt import run_attempt
from tests.sim.clock import HostClock
from tests.sim.engine import Engine
from tests.sim.network import Network
from tests.sim.outside import Outside
from tests.sim.process import Process
from tests.sim.stub import Stub
from tests.sim.temper import Means, Temper

SERVICE = dispatch_service_pb2.DESCRIPTOR.services_by_name["DispatchService"]


class LoopHeart:
    """A heart on the loop, that beats as ThreadHeart does."""

    def __init__(self, stub: Stub, token: str, pulse: Pulse) -> None:
        self._stub, self._metadata, self._pulse = stub, rpc.bearer(token), pulse
        self._stopped = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin beating."""
        self._task = asyncio.get_running_loop().create_task(self._beat_until_stopped())

    def stop(self) -> None:
        """Beat no more."""
        self._stopped = True

    async def _beat_until_stopped(self) -> None:
        while not self._stopped:
            try:
                with rpc.renamed_errors():
                    beat = self._pulse.next()
                    response = await self._stub.Heartbeat(  # type: ignore[attr-defined]
                        beat.request, metadata=self._metadata, timeout=self._pulse.beat_s
                    )
                    if not self._stopped:
                        self._pulse.answered(beat, response)
            except Conflict:
                self._pulse.on_superseded()
                return
            except ErrandError:
                pass
            await asyncio.sleep(self._pulse.beat_s)


class RunnerHost:
    """Starts, kills and restarts a runner; its folder and its containers stay."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        chance: random.Random,
        network: Network,
        *,
        name: str,
        token: str,
        folder: Path,
        slots: int,
        outside: Outside,
        temper: Temper,
        limits: AheadLimits,
        segment_bytes: int,
        note: Callable[[str], None],
        broke: Callable[[BaseException], None],
        observe: Any,
        outgoing: Any,
    ) -> None:
        self._chance, self._network, self._outside, self._temper = chance, network, outside, temper
        self._note, self._broke, self._observe, self._outgoing = note, broke, observe, outgoing
        self.name, self.token, self.slots, self.folder, self._limits = name, token, slots, folder, limits
        self._segment_bytes = segment_bytes
        self.clock = HostClock(loop, boot_s=chance.uniform(10.0, 1e6))
        self.link, self.heart_link = network.link(name), network.link(f"{name}'s heart")
        self.process: Process | None = None
        self.worker: Worker | None = None
        self.outbox: Outbox | None = None
        self.starts = 0
        self._serving: asyncio.Task[Any] | None = None
        self.killed: Callable[[], None] = lambda: None

    @property
    def up(self) -> bool:
        """Whether a process lives here."""
        return self.process is not None and self.process.alive

    def start(self) -> None:
        """A new process."""
        self.starts += 1
        self._note(f"{self.name} starts, number {self.starts}")
        process = self.process = Process(self.name)
        process.on_kill.append(self._on_kill)
        self._serving = process.spawn(self._serve(process))

    def terminate(self) -> None:
        """SIGTERM."""
        if self.up and self._serving is not None:
            self._serving.cancel()

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()

    def _on_kill(self) -> None:
        self._note(f"{self.name} dies")
        self._network.lose_all(self.link)
        self._network.lose_all(self.heart_link)
        self.killed()

    async def _serve(self, process: Process) -> None:
        try:
            await self._serve_for_ever(process)
        except asyncio.CancelledError:
            if self.outbox is not None:
                self.outbox.close()
        except Exception as exc:
            self._broke(exc)
        process.kill()

    async def _serve_for_ever(self, process: Process) -> None:
        clock, chance, token = self.clock, self._chance, self.token
        stub = Stub(self._network, self.link, SERVICE, process)
        stub.observe, stub.outgoing = self._observe, self._outgoing
        heart_stub = Stub(self._network, self.heart_link, SERVICE, process)
        heart_stub.observe = self._observe
        outbox = self.outbox = Outbox(self.folder / "outbox", limits=self._limits, segment_bytes=self._segment_bytes)
        dispatch = Dispatch(stub, token, chance)  # type: ignore[arg-type]
        sockets = self.folder / "s"
        sockets.mkdir(exist_ok=True)
        engine = Engine(self.name, self._outside, clock, away=lambda: self._temper.engine_away, chance=chance)
        journal, book = Journal(self.folder / "sandboxes"), Book(self.folder / "workspaces", clock)
        deltas, leases = Deltas(outbox.changed), Leases(clock)
        means = Means(
            host=self.name,
            dispatch=dispatch,
            deltas=deltas,
            leases=leases,
            clock=clock,
            ids=Ids(clock, chance.randbytes),
            chance=chance,
            outside=self._outside,
            temper=self._temper,
            engine=engine,
            journal=journal,
            book=book,
            socket_root=sockets,
        )
        leftovers = Leftovers(engine, journal, book, leases, socket_root=sockets)  # type: ignore[arg-type]
        worker = self.worker = Worker(
            dispatch=dispatch,
            outbox=outbox,
            deltas=deltas,
            leases=leases,
            clock=clock,
            begin=leftovers.begin,
            run_attempt=partial(run_attempt, means),
        )
        live = Sessions(
            worker,
            new_heart=partial(LoopHeart, heart_stub, token),
            chance=chance,
            slots=self.slots,
            nonce=chance.randbytes(8).hex(),
            leases=leases,
            clock=clock,
            presence=self.folder / "session",
            scheduler="sim:7443",
            labels={"model-key": "yes", "host": token},
        )
        await until_one_ends(worker.run(live.run()), leftovers.watch())
