"""One command with all its descendants, from its order to its exit frame."""

from __future__ import annotations

import os
import selectors
import signal
from typing import TYPE_CHECKING

from .descriptors import read_all
from .outlet import Outlet
from .stdin import Stdin
from .tree import KILL_S, kill_tree, send_signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from .channel import Channel, Head
    from .clock import Clock
    from .leader import Leader
    from .loop import Loop

# A dead job's pipes close at once, unless a process escaped its tree: then they are cut after this long.
DRAIN_S = 1.0


class Job:
    """A running command, told of what comes and ticked when due; at its end `over` is called."""

    def __init__(
        self, loop: Loop, clock: Clock, channel: Channel, head: Head, leader: Leader, over: Callable[[Job], None]
    ) -> None:
        self.loop = loop
        self.clock = clock
        self.over = over
        self.id: int = head["id"]
        self.what = "{} in {}".format(head["argv"][0], head["cwd"])
        self.leader = leader
        self.started = clock.now_s()
        self.due: float | None = self.started + head["timeout_s"]
        self.timed_out = False
        self.refused: tuple[str, int] | None = None
        # Of one whose leader was killed, and with it the command.
        self.status = int(signal.SIGKILL)
        self.ended_at: float | None = None
        self.reaped = False
        streams = {leader.stdout: 1, leader.stderr: 2}
        self.outlet = Outlet(loop, channel, self.id, window=head["window"], streams=streams, moved=self.tick)
        self.stdin = Stdin(loop, leader.stdin)
        loop.watch(leader.report, selectors.EVENT_READ, self.hear)

    def widen(self, size: int) -> None:
        self.outlet.widen(size)
        if self.ended_at is not None:
            self.due = self.clock.now_s() + DRAIN_S

    def abandon(self) -> None:
        """Kills the tree and drops what it still says; it ends all the same."""
        self.outlet.discard()
        self.kill()

    def kill(self) -> None:
        if self.ended_at is None:
            kill_tree(self.leader.pid)
            # The job may have stopped its own leader.
            send_signal(self.leader.pid, signal.SIGCONT)
            self.due = self.clock.now_s() + KILL_S

    def hear(self, events: int) -> None:
        """What the leader says: that the command began, that it could not, or how it ended."""
        said = read_all(self.leader.report)
        if not said:
            # It is gone without a word, which its reaping tells.
            self.loop.forget(self.leader.report)
        for word, *number in (line.split() for line in said.split(b";") if line):
            if word == b"ended":
                self.status = int(number[0])
            elif number:
                self.refused = (word.decode(), int(number[0]))
            if number:
                self.end()

    def leader_ended(self) -> bool:
        """To be called once it is reaped. False where it was murdered, and so did not end what the command left."""
        self.reaped = True
        if self.ended_at is None:
            self.hear(0)
        if self.ended_at is not None:
            return True
        self.end()
        return False

    def end(self) -> None:
        if not self.reaped:
            # The leader has nothing left to do, whatever keeps it.
            send_signal(self.leader.pid, signal.SIGKILL)
        self.loop.forget(self.leader.report)
        self.ended_at = self.clock.now_s()
        self.due = self.ended_at + DRAIN_S
        self.outlet.drain()
        self.tick()

    def tick(self) -> None:
        overdue = self.due is not None and self.clock.now_s() >= self.due
        if self.ended_at is None:
            if overdue:
                self.escalate()
        elif not self.outlet.streams or (overdue and self.outlet.flowing):
            self.finish()
        elif overdue:
            # The runner has not taken what came before: the pipes are cut after it has.
            self.due = None

    def escalate(self) -> None:
        if self.timed_out or self.outlet.discarding:
            send_signal(self.leader.pid, signal.SIGKILL)
            self.due = None
        else:
            self.timed_out = True
            self.kill()

    def finish(self) -> None:
        self.outlet.close()
        self.stdin.close()
        os.close(self.leader.report)
        self.over(self)
