"""All jobs that are not over: started by request, told of their leaders' ends, ticked when due."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from typing import TYPE_CHECKING

from .descriptors import read_all
from .job import Job
from .prctl import become_subreaper
from .tree import children_by_parent, kill_tree, send_signal

if TYPE_CHECKING:
    from .channel import Channel, Head
    from .loop import Loop


class Jobs:
    """Jobs by the id of the request that started them. A job that is over is none of them."""

    def __init__(self, loop: Loop, channel: Channel) -> None:
        self.loop = loop
        self.channel = channel
        self.by_id: dict[int, Job] = {}
        self.held_at: float | None = None
        # Orphans whose own leader was killed come to us, not to PID 1, where nobody would end them.
        become_subreaper()
        self.wake_read, wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        loop.watch(self.wake_read, selectors.EVENT_READ, self.reap)

    def run(self, head: Head, body: bytes) -> None:
        self.by_id[head["id"]] = Job(self.loop, self.channel, head, body, self.forget)

    def more(self, head: Head, body: bytes) -> None:
        if head["id"] in self.by_id:
            self.by_id[head["id"]].widen(head["bytes"])

    def kill(self, head: Head, body: bytes) -> None:
        if head["id"] in self.by_id:
            self.by_id[head["id"]].abandon()

    def hold(self, head: Head, body: bytes) -> None:
        """The container is about to be paused: no job's time runs until it is told to go on."""
        if self.held_at is None:
            self.held_at = time.monotonic()
            for job in self.by_id.values():
                job.hold()
        self.channel.send({"op": "ok", "id": head["id"]})

    def go_on(self, head: Head, body: bytes) -> None:
        if self.held_at is not None:
            for job in self.by_id.values():
                job.go_on(self.held_at)
            self.held_at = None

    def forget(self, job_id: int) -> None:
        del self.by_id[job_id]

    def reap(self, events: int) -> None:
        read_all(self.wake_read)
        jobs = {job.leader: job for job in self.by_id.values()}
        ended = ended_children()
        for pid in ended:
            if pid in jobs:
                self.leader_ended(jobs[pid])
        if not jobs.keys() >= set(ended):
            # An orphan of a murdered leader was among them, and now its own children have come to us.
            self.kill_strays()

    def leader_ended(self, job: Job) -> None:
        job.leader_ended()
        if job.leader_was_murdered:
            self.kill_strays()
        job.tick()

    def kill_strays(self) -> None:
        """Kills what a murdered leader left behind: our children that lead no job, with their trees."""
        leaders = {job.leader for job in self.by_id.values() if not job.ended_at}
        for pid in children_by_parent().get(os.getpid(), []):
            if pid not in leaders:
                kill_tree(pid)
                send_signal(pid, signal.SIGKILL)

    def tick(self) -> float | None:
        """Ends what is due; returns the seconds until the next is."""
        if self.held_at is not None:
            return None
        for job in list(self.by_id.values()):
            job.tick()
        due = [job.due for job in self.by_id.values() if job.due is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None


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
