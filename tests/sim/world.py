"""The simulated world: the hosts, the people, the network between them, and what is told of all that."""

import asyncio
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from errand.v1 import dispatch_service_pb2 as pb
from tests.sim.backups import Backups
from tests.sim.breach import Breach
from tests.sim.database import USERS, runner_id
from tests.sim.deeds import Plan
from tests.sim.disk import Disks
from tests.sim.invariants import modes
from tests.sim.invariants.invariants import Invariants
from tests.sim.invariants.sessions import SessionsSeen
from tests.sim.loop import VirtualLoop
from tests.sim.network import Network
from tests.sim.operators import Operator
from tests.sim.outside import Outside
from tests.sim.people import Person
from tests.sim.plan import plan
from tests.sim.runner_host import RunnerHost
from tests.sim.scheduler_host import BEAT_S, SchedulerHost
from tests.sim.trace import MOST, Trace


class World:
    """Everything that one schedule happens in. `calm`: nothing goes wrong any more; `over`: nobody looks any more."""

    def __init__(self, seed: int, folder: Path, *, whole_trace: bool) -> None:
        self.seed, self.folder = seed, folder
        chance = random.Random(seed)
        self.plan: Plan = plan(random.Random(chance.getrandbits(64)))
        self.chance = random.Random(chance.getrandbits(64))
        self.loop = VirtualLoop(self._on_loop_error)
        self.trace = Trace(self.loop)
        if whole_trace:
            self.trace.whole = []
        self.failure: BaseException | None = None
        self.failed: asyncio.Future[None] | None = None
        self.calm = self.over = False
        self.scheduler_down_s = 1.0
        self.down_s: dict[str, tuple[float, bool]] = {}
        self.asleep_until_s = 0.0
        self.doing: list[asyncio.Task[None]] = []
        self.clone_goes: RunnerHost | None = None
        self.network = Network(self._branch(), self.plan.weather, step=self.trace.note)
        self.disks = Disks(folder, self._branch())
        self.scheduler = SchedulerHost(
            self.loop,
            self._branch(),
            self.network,
            _made(folder / "scheduler"),
            committed=lambda: self.invariants.committed(),
            note=self.trace.note,
            broke=self._broke,
            limits=self.plan.limits,
            temper=self.plan.temper,
        )
        self.ready_s: dict[str, float] = {}
        self.invariants = Invariants(
            self.loop,
            self.scheduler.connection,
            slots=self._slots,
            ready=self._ready,
            broke=self._broke,
            note=self.trace.note,
            now_us=self.scheduler.clock.now_us,
            day_limit=int(Decimal(self.plan.limits.get("ERRAND_USER_DOLLARS_PER_DAY", "0")) * 10**9),
            kept_s=86_400.0 * int(self.plan.limits.get("ERRAND_RETENTION_DAYS", "365")),
        )
        self.backups = Backups(self.scheduler, folder / "scheduler")
        self.scheduler.connection.poisoned = self.plan.temper.poison + self.plan.temper.stumble > 0
        self.sessions = SessionsSeen(self.loop)
        ledger = self.invariants.ledger
        self.outside = Outside(
            self.invariants.told.standing,
            self.trace.note,
            self._broke,
            ledger.spoiled.add,
            self.invariants.money.billed,
        )
        self.runners = [self._runner(number) for number in range(self.plan.runners)]
        # Not a branch: schedules without an operator stay what they were.
        self.operator = Operator(self.network, random.Random(f"operator {seed}"))
        self.people = [
            Person(number, self.network, self._branch(), self.invariants, slow_s=self.plan.watchers_slow_s)
            for number in range(USERS)
        ]

    def _runner(self, number: int, *, copy: bool = False) -> RunnerHost:
        name = f"runner{number}" + ("copy" if copy else "")
        return RunnerHost(
            self.loop,
            self._branch(),
            self.network,
            name=name,
            token=f"runner{number}",
            folder=_made(self.folder / name),
            slots=self.plan.slots[number],
            outside=self.outside,
            temper=self.plan.temper,
            limits=self.plan.outbox,
            segment_bytes=self.plan.segment_bytes,
            note=self.trace.note,
            broke=self._broke,
            observe=self._observe,
            outgoing=self._outgoing,
        )

    def _outgoing(self, name: str, request: Any) -> None:
        """What a runner sends, as it leaves."""
        try:
            if name == "StreamEvents":
                for batch in request.batches:
                    ref = batch.attempt
                    for event in batch.events:
                        self.invariants.told.sent(
                            ref.attempt_id,
                            ref.fence,
                            event.sequence,
                            event.SerializeToString(),
                            event.body.SerializeToString(),
                        )
            elif name == "OpenSession":
                for held in request.held_attempts:
                    self.invariants.told.held(held.attempt.attempt_id, held.attempt.fence, held.last_sequence)
        except Breach as exc:
            self._broke(exc)

    def _observe(self, name: str, request: bytes | None, response: Any) -> None:
        """An answer of the scheduler's to a runner, as it leaves."""
        try:
            self.sessions.answered(name, request, response)
            if name == "StreamEvents":
                for ack in response.acks:
                    self.invariants.told.acked(ack.attempt_id, ack.acked_sequence)
            if name == "FinishAttempts" and request is not None:
                asked = pb.FinishAttemptsRequest.FromString(request)
                for outcome, result in zip(asked.outcomes, response.results, strict=True):
                    if not result.error_reason:
                        self.invariants.told.finished(outcome.attempt.attempt_id, outcome.last_sequence)
        except Breach as exc:
            self._broke(exc)

    def _slots(self, runner: str) -> int:
        return next(self.plan.slots[number] for number in range(4) if runner_id(number) == runner)

    def _spawn(self, who: Person | Operator, work: Any) -> None:
        task = who.process.spawn(work)
        task.add_done_callback(self._done)
        self.doing.append(task)

    def _done(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._broke(failure)

    def _tick(self) -> None:
        self.loop.call_later(max(BEAT_S, self._asleep_s), self._tick)
        away = not self.scheduler.up or (self.scheduler.process is not None and self.scheduler.process.stalled)
        disk, now = self.scheduler.connection, self.loop.time()
        if away or disk.full:
            self.invariants.ledger.scheduler_since_s = now
        if away or (disk.full and disk.room <= 0):
            self.invariants.promises.no_stop_before_s = now
        if away:
            self.sessions.alive_since_s = now
        self._see_who_is_ready()
        try:
            self.invariants.tick()
            if self.trace.steps > MOST:
                raise Breach("I9", f"{MOST} steps, and no end")
        except Breach as exc:
            self._broke(exc)

    def _see_who_is_ready(self) -> None:
        """Since when each runner is there, takes tasks and is reached."""
        for runner in self.runners:
            stalled = runner.process is None or runner.process.stalled
            cut = runner.link.broken or runner.heart_link.broken
            if not runner.up or stalled or cut or runner.name in self.disks.full:
                self.ready_s.pop(runner.name, None)
            else:
                self.ready_s.setdefault(runner.name, self.loop.time())

    def _ready(self) -> dict[str, float]:
        """Since when each runner could take a task, by its id; in a storm, or where starts fail, nobody knows."""
        weather, temper = self.plan.weather, self.plan.temper
        if weather.jitter_s or weather.lose_reply or weather.lose_request or weather.cut_stream or temper.fail_early:
            return {}
        if self.plan.picky or self.plan.denied or temper.engine_away:
            return {}
        if self.invariants.ledger.cloned or self.scheduler.connection.full:
            return {}
        used = Counter(row[2] for row in self.invariants.ledger.live())
        at_work = modes.at_work(self.invariants.ledger)
        found = {}
        for number in range(self.plan.runners):
            name, held = f"runner{number}", runner_id(number)
            if name in self.ready_s and held in at_work and used[held] < self.plan.slots[number]:
                found[held] = self.ready_s[name]
        return found

    @property
    def _asleep_s(self) -> float:
        """How long everybody still sleeps."""
        return max(0.0, self.asleep_until_s - self.loop.time())

    def _start_later(self, host: Any, after_s: float) -> None:
        # Not in the context of the process that just died: nothing happens in that any more.
        context = self.network.nowhere()
        self.loop.call_later(1.0 if self.calm else after_s, self._start_if_down, host, context=context)

    def _start_if_down(self, host: Any) -> None:
        if host is not self.scheduler and host not in self.runners:
            return
        if self._asleep_s:
            self._start_later(host, self._asleep_s)
        elif not host.up:
            if host is self.scheduler:
                self._start_scheduler()
            else:
                host.start()

    def _start_scheduler(self) -> None:
        self._scheduler_is_back()
        self.scheduler.start()

    def _scheduler_is_back(self) -> None:
        """Before that it could see to nothing."""
        now = self.loop.time()
        self.invariants.ledger.scheduler_is_back(now)
        self.invariants.promises.no_stop_before_s = now
        self.sessions.alive_since_s = now

    def _runner_died(self, runner: RunnerHost) -> None:
        down_s, power = self.down_s.pop(runner.name, (1.0, False))
        self.disks.kill_in.pop(runner.name, None)
        if power:
            self.trace.note(f"power of {runner.name} goes off")
            self.disks.power_off(runner.folder)
            for container in list(self.outside.containers.values()):
                if container.host == runner.name:
                    self.outside.close(container.container_id)
        self._start_later(runner, down_s)

    def _branch(self) -> random.Random:
        return random.Random(self.chance.getrandbits(64))

    def _on_loop_error(self, context: dict[str, Any]) -> None:
        failure = context.get("exception")
        self._broke(failure or RuntimeError(str(context.get("message"))))

    def _broke(self, failure: BaseException) -> None:
        if self.failure is None and not self.over:
            self.failure = failure
            self.trace.note(f"breach: {failure}")
            if self.failed is not None and not self.failed.done():
                self.failed.set_result(None)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
