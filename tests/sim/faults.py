"""Faults that take more than a word: hosts that stand still, links that heal, two hosts that act as one."""

import shutil
from typing import Any

from tests.sim.database import runner_id
from tests.sim.deeds import Deed
from tests.sim.network import KEEPALIVE_S
from tests.sim.runner_host import RunnerHost
from tests.sim.world import World


class Faults(World):
    """What the schedule does to the world."""

    def _take_over(self, runner: RunnerHost, for_s: float, *, original_stays: bool) -> None:
        """Another host with a copy of the runner's folder acts as that runner, until one of the two is gone."""
        ledger = self.invariants.ledger
        if ledger.cloned or self.calm or self._asleep_s:
            return
        ledger.cloned = self.outside.cloned = True
        other = self._runner(int(runner.token.removeprefix("runner")), copy=True)
        shutil.copytree(runner.folder, other.folder, symlinks=True, dirs_exist_ok=True)  # what is unreadable stays so
        self.runners.append(other)
        other.killed = lambda: self._runner_died(other)
        other.start()
        self.clone_goes = other if original_stays else runner
        self.loop.call_later(for_s, self._end_takeover)

    def _end_takeover(self) -> None:
        if self.clone_goes is None:
            return
        gone, self.clone_goes = self.clone_goes, None
        self.trace.note(f"{gone.name} is gone for good")
        self.runners.remove(gone)
        gone.killed = lambda: None
        gone.kill()
        for container in list(self.outside.containers.values()):
            if container.host == gone.name:
                self.outside.close(container.container_id)

    def _stall(self, host: Any, for_s: float) -> None:
        if host.process is not None and host.process.alive:
            host.process.stalled = True
            if host is self.scheduler:
                self.invariants.ledger.stalled_s = self.loop.time()
            self.loop.call_later(KEEPALIVE_S[1], self._break_stalled, host)
            self.loop.call_later(for_s, self._resume, host)

    def _break_stalled(self, host: Any) -> None:
        """Who does not answer for so long loses its connections."""
        if host.process is not None and host.process.stalled:
            for link in self.network.links() if host is self.scheduler else (host.link, host.heart_link):
                self.network.lose_all(link)

    def _resume(self, host: Any) -> None:
        if host.process is not None and host.process.stalled and not self._asleep_s:
            self.trace.note(f"{host.process.name} goes on")
            if host is self.scheduler:
                self._scheduler_is_back()
            self.loop.resume(host.process)

    def _sleep(self, deed: Deed) -> None:
        """For days nobody does anything. With a flag the scheduler is off meanwhile, else it stands still too."""
        self.asleep_until_s = self.loop.time() + deed.for_s
        if deed.flag:
            self.scheduler_down_s = deed.for_s
            self.scheduler.kill()
        else:
            self._stall(self.scheduler, deed.for_s)
        for runner in self.runners:
            self._stall(runner, deed.for_s)
        for person in self.people:
            person.process.stalled = True
            self.loop.call_later(deed.for_s, self._resume, person)

    def _restore(self, deed: Deed) -> None:
        """The last backup takes the place of the scheduler's data, and it starts a while later."""
        if self.calm or not self.backups.made:
            return
        self.scheduler_down_s = deed.for_s
        self.scheduler.kill()
        self.invariants.restored(self.backups.put_back)
        self.outside.restored()

    def _cut(self, link: Any, deed: Deed) -> None:
        """1: nothing goes up; 2: nothing comes down; 3: both."""
        self.network.block(link, up=bool(deed.number & 1), down=bool(deed.number & 2))
        self.loop.call_later(deed.for_s, self._heal, link)

    def _heal(self, link: Any) -> None:
        if link.broken:
            self.trace.note(f"{link.name} is connected again")
            self.network.heal(link)

    def _free_disk(self) -> None:
        self.trace.note("the disk has room again")
        self.scheduler.connection.full = False

    def _read_again(self) -> None:
        self.scheduler.connection.unread = 0.0

    def _damage_log(self, runner: RunnerHost, *, unreadable: bool) -> None:
        """A bit of what a runner wrote down is no longer what it was, or some of it cannot be read."""
        logs = [path for path in sorted((runner.folder / "outbox").glob("*.log")) if path.is_file()]
        if not logs or runner.outbox is None:
            return
        path = self.chance.choice(logs)
        content = bytearray(path.read_bytes())
        content[self.chance.randrange(len(content))] ^= 0x40  # none is empty: each begins with a state
        path.write_bytes(content)
        if unreadable:
            path.unlink()
            path.symlink_to(path.name)  # to itself: opening it fails
        self.trace.note(f"{runner.name}'s {path.name} is damaged")
        # Also what was over may seem to be held again.
        ledger, held = self.invariants.ledger, runner_id(int(runner.token.removeprefix("runner")))
        ledger.spoiled.update(runner.outbox.logs, (row[0] for row in ledger.rows_of(held)))

    def _refuse_blobs(self, deed: Deed) -> None:
        """The scheduler's disk fails for long content alone."""
        self.disks.no_blobs = deed.number
        self.loop.call_later(deed.for_s, self._take_blobs)

    def _take_blobs(self) -> None:
        self.trace.note("long content is taken again")
        self.disks.no_blobs = None

    def _lose_kept_blobs(self, *, damaged: bool) -> None:
        """Long content is gone from the scheduler's disk, or is no longer what it was."""
        for path in sorted((self.folder / "scheduler" / "blobs").glob("[0-9a-f][0-9a-f]/*")):
            if damaged:
                path.write_bytes(b"z" * path.stat().st_size)
            else:
                path.unlink()

    def _lose_blob(self, runner: RunnerHost, *, damaged: bool) -> None:
        """A file of long content is gone from a runner's disk, or cannot be read."""
        for path in sorted((runner.folder / "outbox" / "blobs").glob("*/[0-9a-f]*")):
            self.trace.note(f"{runner.name} loses {path.name[:8]} of {path.parent.name}")
            self.invariants.ledger.spoiled.add(path.parent.name)
            path.unlink()
            if damaged:
                path.symlink_to(path.name)  # to itself: opening it fails
