"""One schedule, from its seed to its end: everything is put together, troubled, calmed, and looked at."""

import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import structlog

from tests.sim.breach import Breach
from tests.sim.deeds import Deed, Kind
from tests.sim.faults import Faults
from tests.sim.scheduler_host import BEAT_S
from tests.sim.store import CrashAt

_CALM_BEATS = 420
_HANGING_CALM_BEATS = 900
_ROOT = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())
# What the services log where something broke that never may.
_BUGS = frozenset(("events_not_stored", "method_failed", "attempt_not_carried", "notices_not_told", "service_broke"))


@dataclass(frozen=True)
class Report:
    """What a schedule came to."""

    seed: int
    digest: str
    steps: int
    commits: int
    virtual_s: float
    breach: str = ""
    trace: tuple[str, ...] = ()


def simulate(seed: int, *, whole_trace: bool = False) -> Report:
    """Run the schedule of a seed. It leaves nothing behind."""
    _clean_memory()
    folder = Path(tempfile.mkdtemp(prefix="errand-sim-", dir=_ROOT))
    try:
        return _Simulation(seed, folder, whole_trace=whole_trace).run()
    finally:
        _close_files(folder)
        shutil.rmtree(folder, ignore_errors=True)
        gc.enable()


def _clean_memory() -> None:
    """At one point between schedules, for it runs clean-up."""
    gc.disable()
    gc.collect()
    _freeze_modules()


@cache
def _freeze_modules() -> None:
    """What they hold is looked at once."""
    gc.freeze()


class _Simulation(Faults):
    def run(self) -> Report:
        try:
            with self.disks.installed(), _quiet(self._broke, self.trace.note):
                self._run_and_bury()
        finally:
            self.scheduler.connection.close()
        if isinstance(self.failure, KeyboardInterrupt):
            raise self.failure
        breach = "" if self.failure is None else _words(self.failure)
        return Report(
            seed=self.seed,
            digest=self.trace.digest,
            steps=self.trace.steps,
            commits=self.scheduler.disk.commits,
            virtual_s=self.loop.time(),
            breach=breach,
            trace=tuple(self.trace.whole or self.trace.last()) if breach or self.trace.whole else (),
        )

    def _run_and_bury(self) -> None:
        try:
            self.loop.run(self._main())
        except BaseException as exc:
            self.failure = self.failure or exc
        finally:
            self.over = True
            self.loop.bury()

    async def _main(self) -> None:
        self.failed = self.loop.create_future()
        story = asyncio.ensure_future(self._story())
        await asyncio.wait([story, self.failed], return_when=asyncio.FIRST_COMPLETED)
        if self.failure is not None:
            raise self.failure
        story.result()

    async def _story(self) -> None:
        self._set_up()
        start = self.loop.time()
        for deed in self.plan.deeds:
            wait_s = start + deed.at_s - self.loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self._do(deed)
        await asyncio.sleep(max(0.0, start + self.plan.active_s - self.loop.time()))
        self._calm_down()
        await self._settle()
        self._look_at_the_end()

    def _set_up(self) -> None:
        disk = self.scheduler.disk
        disk.group_most, disk.linger_s, disk.slow = self.plan.group_most, self.plan.linger_s, self.plan.slow_sync_s
        self.scheduler.mood.slow_s, self.scheduler.mood.away = self.plan.rights_slow_s, self.plan.github_away
        self.scheduler.killed = lambda: self._start_later(self.scheduler, self.scheduler_down_s)
        self.scheduler.start()
        for runner in self.runners:
            runner.killed = lambda runner=runner: self._runner_died(runner)  # type: ignore[misc]
            self.loop.call_later(self.chance.random() * 3.0, runner.start)
        self._tick()

    def _do(self, deed: Deed) -> None:
        self.trace.note(f"deed: {deed.kind} {deed.who} {deed.number} {deed.for_s:.1f}")
        person = self.people[deed.who] if deed.kind in _OF_PEOPLE else None
        match deed.kind:
            case Kind.SCHEDULER_KILLED:
                self.scheduler_down_s = deed.for_s
                self.scheduler.kill()
            case Kind.SCHEDULER_KILLED_IN_COMMIT:
                self.scheduler_down_s = deed.for_s
                self.scheduler.disk.crash_in, self.scheduler.disk.crash_at = deed.number, CrashAt(deed.who)
            case Kind.SCHEDULER_STOPPED:
                self.scheduler_down_s = deed.for_s
                self.scheduler.terminate()
            case Kind.SCHEDULER_STALLED:
                self._stall(self.scheduler, deed.for_s)
            case Kind.RUNNER_KILLED:
                runner = self.runners[deed.who]
                self.down_s[runner.name] = (deed.for_s, deed.flag)
                runner.kill()
            case Kind.RUNNER_KILLED_IN_SYNC:
                runner = self.runners[deed.who]
                self.down_s[runner.name] = (deed.for_s, deed.flag)
                self.disks.kill_in[runner.name] = deed.number
            case Kind.RUNNER_STALLED:
                self._stall(self.runners[deed.who], deed.for_s)
            case Kind.RUNNER_DISK_FULL:
                self.disks.full.add(self.runners[deed.who].name)
                self.loop.call_later(deed.for_s, self.disks.full.discard, self.runners[deed.who].name)
            case Kind.PARTITION:
                link = self.runners[deed.who].link
                self.network.block(link, up=bool(deed.number & 1), down=bool(deed.number & 2))
                self.loop.call_later(deed.for_s, self._heal, link)
            case Kind.HEART_CUT:
                link = self.runners[deed.who].heart_link
                self.network.block(link, up=bool(deed.number & 1), down=bool(deed.number & 2))
                self.loop.call_later(deed.for_s, self._heal, link)
            case Kind.TAKEOVER:
                self._take_over(self.runners[deed.who], deed.for_s, original_stays=deed.flag)
            case Kind.STREAMS_CUT:
                self.network.lose_all()
            case Kind.CLOCK_JUMP:
                clock = self.scheduler.clock if deed.who < 0 else self.runners[deed.who].clock
                clock.jump_us += int(deed.for_s * 1e6)
            case Kind.DISK_FULL:
                self.scheduler.connection.full = True
                self.loop.call_later(deed.for_s, self._free_disk)
            case Kind.CREATE:
                assert person is not None
                self._spawn(person, person.create(deed.number))
            case Kind.FOLLOW_UP | Kind.STEER | Kind.ANSWER:
                assert person is not None
                self._spawn(person, person.write(deed.number, deed.kind))
            case Kind.STOP:
                assert person is not None
                self._spawn(person, person.stop(deed.number))
            case Kind.RETRY:
                assert person is not None
                self._spawn(person, person.retry(deed.number))
            case Kind.EDIT | Kind.PROMOTE | Kind.REMOVE:
                assert person is not None
                self._spawn(person, person.change(deed.number, deed.kind))
            case Kind.LOOK:
                assert person is not None
                self._spawn(person, person.look(deed.number))
            case Kind.WATCH:
                assert person is not None
                self._spawn(person, person.watch(deed.number, everything=deed.flag))

    def _calm_down(self) -> None:
        """From here on nothing goes wrong, and everybody is there."""
        self.trace.note("calm")
        self.calm = True
        self._end_takeover()
        self.plan.weather.calm()
        self.plan.temper.calm()
        disk = self.scheduler.disk
        disk.crash_in, disk.slow = None, 0.0
        self.scheduler.connection.full = False
        self.scheduler.mood.away = 0.0
        self.disks.kill_in.clear()
        self.disks.full.clear()
        for runner in self.runners:
            self._heal(runner.link)
            self._heal(runner.heart_link)
            self._resume(runner)
            if not runner.up:
                runner.start()
        self._resume(self.scheduler)
        if not self.scheduler.up:
            self._start_scheduler()
        for person in self.people:
            self._heal(person._link)

    async def _settle(self) -> None:
        most_beats = _HANGING_CALM_BEATS if self.plan.temper.hang else _CALM_BEATS
        until_s = self.loop.time() + most_beats * BEAT_S
        await self._quieten(until_s)
        for person in self.people:
            person.hang_up()
        while any(not task.done() for task in self.doing):
            await asyncio.sleep(1.0)
        # What somebody had still asked for, and got only now.
        await self._quieten(until_s)

    async def _quieten(self, until_s: float) -> None:
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(BEAT_S)
            unsettled = self._unsettled()
            quiet = 0 if unsettled else quiet + 1
            if self.loop.time() > until_s:
                raise Breach("I1 I11", f"it does not settle: {unsettled}")

    def _unsettled(self) -> str:
        """Why it is not over yet; empty when it is."""
        if live := self.invariants.live():
            return f"attempt {live[0][0]} is {live[0][4]}"
        for row in self.invariants.tasks():
            if row[1] in ("pending", "running") or (row[1] == "waiting" and row[5] is not None):
                return f"{row[0]} is {row[1]}: {row[2]}"
        for runner in self.runners:
            if runner.outbox is not None and runner.outbox.logs:
                return f"{runner.name} holds {list(runner.outbox.logs)}"
        if self.outside.containers:
            return f"containers {list(self.outside.containers)}"
        return ""

    def _look_at_the_end(self) -> None:
        self.invariants.at_end(self.outside)
        core = self.scheduler.core
        assert core is not None
        if left := [attempt.attempt_id for attempt in core._board.attempts()]:
            raise Breach("I9", f"the board still has {left}")
        for runner in self.runners:
            assert runner.worker is not None
            if runner.worker._runs or runner.worker.attempts:
                raise Breach("I9", f"{runner.name} still carries {list(runner.worker._runs)}")


_OF_PEOPLE = frozenset(
    (
        Kind.CREATE,
        Kind.FOLLOW_UP,
        Kind.STEER,
        Kind.ANSWER,
        Kind.STOP,
        Kind.RETRY,
        Kind.EDIT,
        Kind.PROMOTE,
        Kind.REMOVE,
        Kind.LOOK,
        Kind.WATCH,
    )
)


def _words(failure: BaseException) -> str:
    if isinstance(failure, Breach):
        return str(failure)
    import traceback

    return "".join(traceback.format_exception(failure))


def _close_files(folder: Path) -> None:
    """What dead processes left open."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith(str(folder)):
                os.close(int(name))
        except OSError:
            continue


@contextmanager
def _quiet(broke: Any, note: Any) -> Iterator[None]:
    """Warnings are steps, and what tells of a bug is one."""

    def listen(_: Any, __: str, entry: Any) -> Any:
        note(
            f"log: {entry.get('event')} {entry.get('reason', '')} {entry.get('error', '')} {entry.get('transport', '')}"
        )
        if entry.get("event") in _BUGS:
            failure = entry.get("exc_info")
            import sys

            found = failure if isinstance(failure, BaseException) else sys.exc_info()[1]
            broke(found or RuntimeError(str(entry)))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[listen], wrapper_class=structlog.make_filtering_bound_logger(30), cache_logger_on_first_use=False
    )
    try:
        yield
    finally:
        structlog.configure(**before)
