"""Each kind of deed, done."""

import errno
from collections.abc import Callable

from errand.v1 import runner_pb2
from tests.sim.deeds import OF_OPERATORS, OF_PEOPLE, Deed, Kind
from tests.sim.settling import Settling
from tests.sim.store import CrashAt

_MODES = {
    Kind.CORDON: runner_pb2.RUNNER_MODE_CORDONED,
    Kind.DRAIN: runner_pb2.RUNNER_MODE_DRAINING,
    Kind.UNCORDON: runner_pb2.RUNNER_MODE_ACTIVE,
}


class Doing(Settling):
    """Turns a deed of the schedule into what happens."""

    def _do(self, deed: Deed) -> None:
        self.trace.note(f"deed: {deed.kind} {deed.who} {deed.number} {deed.for_s:.1f}")
        if deed.kind in OF_PEOPLE:
            self._ask(deed)
        elif deed.kind in OF_OPERATORS:
            self._operate(deed)
        elif (to_scheduler := self._to_scheduler().get(deed.kind)) is not None:
            to_scheduler(deed)
        else:
            self._to_runner(deed)

    def _ask(self, deed: Deed) -> None:
        person = self.people[deed.who]
        match deed.kind:
            case Kind.CREATE:
                host = f"runner{(deed.who + deed.number) % self.plan.runners}" if self.plan.picky else ""
                work = person.create(deed.number, host=host, allowance=self.plan.allowance)
            case Kind.FOLLOW_UP | Kind.STEER | Kind.ANSWER:
                work = person.write(deed.number, deed.kind)
            case Kind.STOP:
                work = person.stop(deed.number)
            case Kind.RETRY:
                work = person.retry(deed.number)
            case Kind.EDIT | Kind.PROMOTE | Kind.REMOVE:
                work = person.change(deed.number, deed.kind)
            case Kind.RAISE:
                work = person.raise_allowance(deed.number, 2 * self.plan.allowance)
            case Kind.BLUNDER:
                work = person.blunder(deed.number)
            case Kind.WATCH:
                work = person.watch(deed.number, everything=deed.flag)
            case _:
                work = person.look(deed.number)
        self._spawn(person, work)

    def _operate(self, deed: Deed) -> None:
        """A drain's deadline is in `for_s`; below 0 it has none."""
        drain_s = deed.for_s if deed.kind is Kind.DRAIN and deed.for_s >= 0 else None
        self._spawn(self.operator, self.operator.set_mode(deed.who, _MODES[deed.kind], drain_s=drain_s))
        self._spawn(self.operator, self.operator.look())

    def _to_scheduler(self) -> dict[Kind, Callable[[Deed], None]]:
        return {
            Kind.SCHEDULER_KILLED: self._kill_scheduler,
            Kind.SCHEDULER_KILLED_IN_COMMIT: self._kill_scheduler_in_commit,
            Kind.SCHEDULER_STOPPED: self._stop_scheduler,
            Kind.SCHEDULER_STALLED: lambda deed: self._stall(self.scheduler, deed.for_s),
            Kind.DISK_FULL: self._fill_disk,
            Kind.DISK_BROKEN: self._break_disk,
            Kind.READS_FAIL: self._fail_reads,
            Kind.KEPT_BLOB_LOST: lambda deed: self._lose_kept_blobs(damaged=deed.flag),
            Kind.BLOBS_REFUSED: self._refuse_blobs,
            Kind.STREAMS_CUT: lambda deed: self.network.lose_all(),
            Kind.BACKUP: lambda deed: self.backups.make(),
            Kind.RESTORE: self._restore,
            Kind.ASLEEP: self._sleep,
            Kind.CLOCK_JUMP: self._jump,
        }

    def _to_runner(self, deed: Deed) -> None:
        runner = self.runners[deed.who]
        match deed.kind:
            case Kind.RUNNER_KILLED:
                self.down_s[runner.name] = (deed.for_s, deed.flag)
                runner.kill()
            case Kind.RUNNER_KILLED_IN_SYNC:
                self.down_s[runner.name] = (deed.for_s, deed.flag)
                self.disks.kill_in[runner.name] = deed.number
            case Kind.RUNNER_STOPPED:
                self.down_s[runner.name] = (deed.for_s, False)
                runner.terminate()
            case Kind.RUNNER_STALLED:
                self._stall(runner, deed.for_s)
            case Kind.RUNNER_DISK_FULL:
                self.disks.full[runner.name] = deed.number or errno.ENOSPC
                self.loop.call_later(deed.for_s, self.disks.full.pop, runner.name, None)
            case Kind.PARTITION:
                self._cut(runner.link, deed)
            case Kind.HEART_CUT:
                self._cut(runner.heart_link, deed)
            case Kind.BLOB_LOST:
                self._lose_blob(runner, damaged=deed.flag)
            case Kind.LOG_DAMAGED:
                self.down_s[runner.name] = (deed.for_s, False)
                runner.kill()
                self._damage_log(runner, unreadable=deed.flag)
            case _:
                self._take_over(runner, deed.for_s, original_stays=deed.flag)

    def _kill_scheduler(self, deed: Deed) -> None:
        self.scheduler_down_s = deed.for_s
        self.scheduler.kill()

    def _kill_scheduler_in_commit(self, deed: Deed) -> None:
        self.scheduler_down_s = deed.for_s
        self.scheduler.disk.crash_in, self.scheduler.disk.crash_at = deed.number, CrashAt(deed.who)

    def _stop_scheduler(self, deed: Deed) -> None:
        self.scheduler_down_s = deed.for_s
        self.scheduler.terminate()

    def _break_disk(self, deed: Deed) -> None:
        self.scheduler_down_s = deed.for_s
        self.scheduler.connection.fails = 1

    def _fail_reads(self, deed: Deed) -> None:
        self.scheduler.connection.unread = 0.3
        self.loop.call_later(deed.for_s, self._read_again)

    def _fill_disk(self, deed: Deed) -> None:
        self.scheduler.connection.full = True
        self.loop.call_later(deed.for_s, self._free_disk)

    def _jump(self, deed: Deed) -> None:
        clock = self.scheduler.clock if deed.who < 0 else self.runners[deed.who].clock
        clock.jump_us += int(deed.for_s * 1e6)
        self.invariants.ledger.clock_jumped |= deed.who < 0
