"""One command with all its descendants, from fork to exit frame."""

from __future__ import annotations

import functools
import os
import selectors
import signal
import time
from typing import TYPE_CHECKING

from .descriptors import read_all
from .leader import start_leader
from .tree import KILL_S, kill_tree, send_signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from .channel import Channel, Head
    from .loop import Loop

CHUNK_BYTES = 64 * 1024

# What a frame of output costs beside its bytes: a job that writes single bytes must fill its window too.
FRAME_COST_BYTES = 256

# A dead job's pipes close at once, unless a process escaped its tree: then they are cut after this long.
DRAIN_S = 1.0


class Job:
    """A running command: its output goes out as far as the window lets it, its exit last; then `over` is called."""

    def __init__(self, loop: Loop, channel: Channel, head: Head, body: bytes, over: Callable[[int], None]) -> None:
        self.loop = loop
        self.channel = channel
        self.over = over
        self.id: int = head["id"]
        self.window: int = head["window"]
        self.started = time.monotonic()
        self.ended_at: float | None = None
        self.due: float | None = self.started + head["timeout_s"]
        self.left: float | None = None
        self.timed_out = False
        self.discarding = False
        self.what = "{} in {}".format(head["argv"][0], head["cwd"])
        env = dict(os.environ, **head["env"])
        leader = start_leader(head["argv"], cwd=head["cwd"], env=env, stdin=body)
        self.leader = leader.pid
        self.status = leader.status
        self.streams = {leader.stdout: 1, leader.stderr: 2}
        self.watch()

    def watch(self) -> None:
        readable = selectors.EVENT_READ if self.window > 0 or self.discarding else 0
        for fd in self.streams:
            self.loop.watch(fd, readable, functools.partial(self.forward, fd))

    def forward(self, fd: int, events: int) -> None:
        try:
            data = os.read(fd, CHUNK_BYTES if self.discarding else max(1, min(CHUNK_BYTES, self.window)))
        except BlockingIOError:
            return
        if not data:
            self.close_stream(fd)
            self.tick()
            return
        if self.discarding:
            return
        self.window -= len(data) + FRAME_COST_BYTES
        self.channel.send({"op": "out", "id": self.id, "fd": self.streams[fd]}, data)
        if self.window <= 0:
            self.watch()

    def widen(self, size: int) -> None:
        was_shut = self.window <= 0
        self.window += size
        if was_shut:
            if self.ended_at is not None:
                self.due = time.monotonic() + DRAIN_S
            self.watch()

    def abandon(self) -> None:
        """Kills the tree and drops what it still says; the exit frame is sent all the same."""
        self.discarding = True
        self.watch()
        self.kill()

    def hold(self) -> None:
        """Its time stands still."""
        self.left, self.due = None if self.due is None else self.due - time.monotonic(), None

    def go_on(self, held_at: float) -> None:
        """The time since held_at does not count."""
        held = time.monotonic() - max(held_at, self.started)
        self.started += held
        self.ended_at = None if self.ended_at is None else self.ended_at + held
        if self.left is not None:
            self.due = time.monotonic() + self.left
            self.left = None
        elif self.due is not None:
            self.due += held

    def kill(self) -> None:
        if self.ended_at is None:
            kill_tree(self.leader)
            # The job may have stopped its own leader.
            send_signal(self.leader, signal.SIGCONT)
            self.due = time.monotonic() + KILL_S

    def leader_ended(self) -> None:
        """To be called once it is reaped; a tick must follow."""
        self.ended_at = time.monotonic()
        self.due = self.ended_at + DRAIN_S
        self.report = read_all(self.status)

    @property
    def leader_was_murdered(self) -> bool:
        """Whether it ended without a report, and so without ending what the command left."""
        return not self.report

    def tick(self) -> None:
        overdue = self.due is not None and time.monotonic() >= self.due
        flowing = self.window > 0 or self.discarding
        if self.ended_at is None:
            if overdue:
                self.escalate()
        elif not self.streams or (overdue and flowing):
            self.finish()
        elif overdue:
            # The runner has not taken what came before: the pipes are cut after it has.
            self.due = None

    def escalate(self) -> None:
        if self.timed_out or self.discarding:
            send_signal(self.leader, signal.SIGKILL)
            self.due = None
        else:
            self.timed_out = True
            self.kill()

    def finish(self) -> None:
        for fd in list(self.streams):
            self.close_stream(fd)
        os.close(self.status)
        self.over(self.id)
        kind, _, number = self.report.split(b";")[0].partition(b" ")
        if kind in (b"chdir", b"exec"):
            reason = OSError(int(number), os.strerror(int(number)))
            self.channel.fail(self.id, reason, f"cannot {kind.decode()} {self.what}: {reason.strerror}")
            return
        # No report: someone killed the leader, and with it the command.
        status = int(number) if kind == b"ended" else int(signal.SIGKILL)
        self.channel.send(
            {
                "op": "exit",
                "id": self.id,
                "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
                "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
                "timed_out": self.timed_out,
                "duration_s": (self.ended_at or self.started) - self.started,
            }
        )

    def close_stream(self, fd: int) -> None:
        self.loop.forget(fd)
        os.close(fd)
        del self.streams[fd]
