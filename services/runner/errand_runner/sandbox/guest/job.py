"""One command with all its descendants, from its order to its exit frame."""

from __future__ import annotations

import math
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
    from .kept import Kept
    from .leader import Leader, Stdio
    from .loop import Loop

# A dead job's pipes close at once, unless a process escaped its tree: then they are cut after this long.
DRAIN_S = 1.0


class Job:
    """A running command, told of what comes and ticked when due; at its end `over` is called.

    It ends at its time, and after a silence that is too long; while its reader keeps it from writing, it is not silent.
    """

    def __init__(
        self,
        loop: Loop,
        clock: Clock,
        channel: Channel,
        head: Head,
        leader: Leader,
        stdio: Stdio,
        *,
        kept: Kept | None,
        begun: Callable[[Job], None],
        over: Callable[[Job], None],
    ) -> None:
        self.loop = loop
        self.clock = clock
        self.begun = begun
        self.over = over
        self.id: int = head["id"]
        self.what = "{} in {}".format(head["argv"][0], head["cwd"])
        self.leader = leader
        self.kept = kept
        self.started = self.heard = clock.now_s()
        self.timeout_s = math.inf if head["timeout_s"] is None else head["timeout_s"]
        self.silence_s = math.inf if head["silence_s"] is None else head["silence_s"]
        self.due: float | None = None
        """When the next step of killing or draining is; a job that may run on goes by its limits."""
        self.timed_out = False
        self.silent = False
        self.killed = False
        self.refused: tuple[str, int] | None = None
        # Of one whose leader was killed, and with it the command.
        self.status = int(signal.SIGKILL)
        self.ended_at: float | None = None
        self.reaped = False
        streams = {stdio.stdout: 1, stdio.stderr: 2}
        self.outlet = Outlet(
            loop, channel, self.id, streams, window=head["window"], kept=kept, live=head["live"], moved=self.moved
        )
        self.stdin = Stdin(loop, stdio.stdin)
        loop.watch(leader.line, selectors.EVENT_READ, self.hear)

    @property
    def due_s(self) -> float | None:
        """When it is to be ticked again, if at all."""
        if self.killing or self.ended_at is not None:
            return self.due
        silent_at = self.heard + self.silence_s if self.outlet.flowing else math.inf
        due = min(self.started + self.timeout_s, silent_at)
        return None if due == math.inf else due

    @property
    def killing(self) -> bool:
        return self.timed_out or self.silent or self.killed

    def moved(self) -> None:
        self.heard = self.clock.now_s()
        self.tick()

    def widen(self, size: int) -> None:
        self.outlet.widen(size)
        self.heard = self.clock.now_s()
        if self.ended_at is not None:
            self.due = self.heard + DRAIN_S
            self.tick()

    def abandon(self) -> None:
        """Kills the tree and drops what it still says; it ends all the same."""
        self.outlet.discard()
        self.kill()

    def kill(self) -> None:
        if self.ended_at is None:
            self.killed = True
            kill_tree(self.leader.pid)
            # The job may have stopped its own leader.
            send_signal(self.leader.pid, signal.SIGCONT)
            self.due = self.clock.now_s() + KILL_S

    def hear(self, events: int) -> None:
        """What the leader says: that the command began, that it could not, or how it ended."""
        said = read_all(self.leader.line)
        if not said:
            # It is gone without a word, which its reaping tells.
            self.loop.forget(self.leader.line)
        for word, *number in (line.split() for line in said.split(b";") if line):
            if word == b"started":
                self.begun(self)
            elif word == b"ended":
                self.status = int(number[0])
                self.end()
            else:
                self.refused = (word.decode(), int(number[0]))
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
        self.loop.forget(self.leader.line)
        self.ended_at = self.clock.now_s()
        self.due = self.ended_at + DRAIN_S
        self.outlet.drain()
        self.tick()

    def tick(self) -> None:
        due_s, now_s = self.due_s, self.clock.now_s()
        overdue = due_s is not None and now_s >= due_s
        if self.ended_at is None:
            if overdue:
                self.escalate(now_s)
        elif not self.outlet.streams or (overdue and self.outlet.flowing):
            self.due = None
            if self.outlet.show_tail():
                self.finish()
        elif overdue:
            # The runner has not taken what came before: the pipes are cut after it has.
            self.due = None

    def escalate(self, now_s: float) -> None:
        if self.killing:
            send_signal(self.leader.pid, signal.SIGKILL)
            self.due = None
            return
        self.timed_out = now_s >= self.started + self.timeout_s
        self.silent = not self.timed_out
        self.kill()

    def finish(self) -> None:
        self.outlet.close()
        if self.kept:
            self.kept.close()
        self.stdin.close()
        self.over(self)
