"""One schedule, from its seed to its end: everything is put together, troubled, calmed, and looked at."""

import asyncio
import gc
import os
import shutil
import tempfile
import traceback
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.sim.breach import Breach
from tests.sim.database import user_id
from tests.sim.doing import Doing
from tests.sim.listening import listening
from tests.sim.poison import is_wanted

_ROOT = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())


@dataclass(frozen=True)
class Report:
    """What a schedule came to."""

    seed: int
    digest: str
    steps: int
    virtual_s: float
    breach: str = ""
    trace: tuple[str, ...] = ()

    @property
    def in_a_line(self) -> str:
        """What broke, without how one got there."""
        lines = [line.strip("| +-") for line in self.breach.splitlines()]
        return next((line for line in reversed(lines) if line), "")


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


class _Simulation(Doing):
    def run(self) -> Report:
        try:
            with self.disks.installed(), listening(self._broke, self.trace.note, wanted=is_wanted):
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
        mood = self.scheduler.mood
        mood.slow_s, mood.away, mood.moves_branch = (
            self.plan.rights_slow_s,
            self.plan.github_away,
            self.plan.moves_branch,
        )
        mood.denied = frozenset(user_id(number) for number in self.plan.denied)
        self.scheduler.killed = lambda: self._start_later(self.scheduler, self.scheduler_down_s)
        self.scheduler.start()
        for runner in self.runners:
            runner.killed = lambda runner=runner: self._runner_died(runner)  # type: ignore[misc]
            self.loop.call_later(self.chance.random() * 3.0, runner.start)
        self._tick()


def _clean_memory() -> None:
    """At one point between schedules, for it runs clean-up."""
    gc.disable()
    gc.collect()
    _freeze_modules()


@cache
def _freeze_modules() -> None:
    """What they hold is looked at once."""
    gc.freeze()


def _words(failure: BaseException) -> str:
    return str(failure) if isinstance(failure, Breach) else "".join(traceback.format_exception(failure))


def _close_files(folder: Path) -> None:
    """What dead processes left open."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith(str(folder)):
                os.close(int(name))
        except OSError:
            continue
