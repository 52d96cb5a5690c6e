"""All jobs that are not over: started by request, told of their leaders' ends, ticked when due."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import signal
from typing import TYPE_CHECKING

from .clock import Clock
from .descriptors import read_all
from .job import Job
from .kept import Kept, Spool
from .leader import start_leader
from .prctl import become_subreaper
from .told import tell_end
from .tree import children_by_parent, kill_tree, send_signal

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .channel import Channel, Head
    from .leader import Leader, Stdio
    from .loop import Loop
    from .oom import OomScore

MOST_JOBS = 128

# Leaders that wait. Where none does, one is forked ahead once there is nothing more urgent.
MOST_WAITING = 4
FORK_AHEAD_S = 0.05


class Jobs:
    """Jobs by the id of the request that started them. A job that is over is none of them."""

    def __init__(self, loop: Loop, channel: Channel, score: OomScore) -> None:
        self.score = score
        self.loop = loop
        self.channel = channel
        self.clock = Clock()
        self.spool = Spool()
        self.by_id: dict[int, Job] = {}
        self.notes: dict[int, str] = {}
        self.waiting: list[Leader] = []
        self.fork_due = 0.0
        self.leaving: set[int] = set()
        # Orphans whose own leader was killed come to us, not to PID 1, where nobody would end them.
        become_subreaper()
        self.wake_read, wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        loop.watch(self.wake_read, selectors.EVENT_READ, self.reap)

    def run(self, head: Head, body: bytes) -> None:
        job = self.begin(head, begun=nothing, over=self.tell, told=False, stdin=bool(body))
        self.notes[job.id] = head["note"]
        job.stdin.give(body)
        job.stdin.end()

    def begin(
        self, head: Head, *, begun: Callable[[Job], None], over: Callable[[Job], None], told: bool, stdin: bool
    ) -> Job:
        """A new job; told, `begun` is called once it has started. Raises OSError."""
        if len(self.by_id) >= MOST_JOBS:
            raise OSError(errno.EAGAIN, f"{MOST_JOBS} commands run already")
        order = {"argv": head["argv"], "cwd": head["cwd"], "env": head["env"], "stdin": stdin, "tell": told}
        if "look" in head:
            order["look"] = head["look"]
        leader, stdio = self.ordered(order)
        self.fork_due = self.clock.now_s() + FORK_AHEAD_S
        kept = Kept(self.spool, head["keep"]) if head["keep"] else None

        def ended(job: Job) -> None:
            self.ended(job)
            over(job)

        job = Job(self.loop, self.clock, self.channel, head, leader, stdio, kept=kept, begun=begun, over=ended)
        self.by_id[job.id] = job
        return job

    def more(self, head: Head, body: bytes) -> None:
        if head["id"] in self.by_id:
            self.by_id[head["id"]].widen(head["bytes"])

    def kill(self, head: Head, body: bytes) -> None:
        if head["id"] in self.by_id:
            self.by_id[head["id"]].abandon()

    def kill_all(self, head: Head, body: bytes) -> None:
        """What they said until then still goes out."""
        for job in list(self.by_id.values()):
            job.kill()
        self.channel.send({"op": "ok", "id": head["id"]})

    def hold(self, head: Head, body: bytes) -> None:
        """The container is about to be paused: no job's time runs until it is told to go on."""
        self.clock.hold()
        self.channel.send({"op": "ok", "id": head["id"]})

    def go_on(self, head: Head, body: bytes) -> None:
        self.clock.go_on()

    def ended(self, job: Job) -> None:
        del self.by_id[job.id]
        if job.reaped:
            os.close(job.leader.line)
        elif job.killing or len(self.waiting) >= MOST_WAITING:
            self.retire(job.leader)
        else:
            self.waiting.append(job.leader)
        self.fork_due = 0.0

    def retire(self, leader: Leader) -> None:
        """Ends one that has nothing left to do, whatever keeps it."""
        send_signal(leader.pid, signal.SIGKILL)
        os.close(leader.line)
        self.leaving.add(leader.pid)

    def tell(self, job: Job) -> None:
        tell_end(self.channel, job, self.notes.pop(job.id))

    def reap(self, events: int) -> None:
        read_all(self.wake_read)
        at_work = {job.leader.pid: job for job in self.by_id.values()}
        waiting = {leader.pid: leader for leader in self.waiting}
        strays = False
        for pid in ended_children():
            if pid in at_work:
                strays |= not at_work[pid].leader_ended()
            elif pid in waiting:
                os.close(waiting[pid].line)
                self.waiting.remove(waiting[pid])
                strays = True
            elif pid not in self.leaving:
                # An orphan of a murdered leader, and now its own children have come to us.
                strays = True
            self.leaving.discard(pid)
        if strays:
            self.kill_strays()

    def kill_strays(self) -> None:
        """Kills what a murdered leader left behind: our children that are no leaders, with their trees."""
        leaders = {job.leader.pid for job in self.by_id.values() if not job.reaped}
        leaders |= {leader.pid for leader in self.waiting}
        for pid in children_by_parent().get(os.getpid(), []):
            if pid not in leaders:
                kill_tree(pid)
                send_signal(pid, signal.SIGKILL)

    def tick(self) -> float | None:
        """Ends what is due; returns the seconds until the next is."""
        if self.clock.since_s is not None:
            return None
        for job in list(self.by_id.values()):
            job.tick()
        now_s = self.clock.now_s()
        if not self.waiting and now_s >= self.fork_due:
            self.fork_ahead(now_s)
        due = [job.due_s for job in self.by_id.values() if job.due_s is not None]
        if not self.waiting:
            due.append(self.fork_due)
        return max(0.0, min(due) - self.clock.now_s()) if due else None

    def ordered(self, order: dict[str, Any]) -> tuple[Leader, Stdio]:
        """A leader with this order. One that waited and was killed may not be reaped yet: its line tells."""
        while self.waiting:
            leader = self.waiting.pop()
            with contextlib.suppress(ConnectionError):
                return leader, self.begun_by(leader, order)
        leader = self.fork()
        return leader, self.begun_by(leader, order)

    def begun_by(self, leader: Leader, order: dict[str, Any]) -> Stdio:
        try:
            return leader.begin(order)
        except OSError:
            self.retire(leader)
            raise

    def fork(self) -> Leader:
        with self.score.of_jobs():
            return start_leader()

    def fork_ahead(self, now_s: float) -> None:
        try:
            self.waiting.append(self.fork())
        except OSError:
            # Too many processes: whoever needs one is told so.
            self.fork_due = now_s + 1.0


def nothing(job: Job) -> None:
    """For a job whose beginning nobody waits for."""


def ended_children() -> list[int]:
    """Reaps every zombie of ours."""
    ended = []
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended.append(pid)
    return ended
