"""Jobs that outlive the request that started them: looked at, written to, signalled, waited for."""

from __future__ import annotations

import errno
import math
import signal
from typing import TYPE_CHECKING, NamedTuple

from .told import account, refusal
from .tree import living_descendants, send_signal

if TYPE_CHECKING:
    from .channel import Channel, Head
    from .job import Job
    from .jobs import Jobs

MOST_RUNNING = 32
# Of those that ended, the oldest is forgotten first.
MOST_ENDED = 32
MOST_WAITING = 64

READ_LIMIT_BYTES = 1024 * 1024
INPUT_LIMIT_BYTES = 1024 * 1024


class Waiting(NamedTuple):
    """A request for a job's end, or for output beyond so many bytes; answered then or at its time."""

    request: int
    job: Job
    due_s: float
    beyond: float


class Background:
    """Jobs in the background, by the id of the request that started them. All end with the supervisor."""

    def __init__(self, jobs: Jobs, channel: Channel) -> None:
        self.jobs = jobs
        self.channel = channel
        self.by_id: dict[int, Job] = {}
        self.starting: set[int] = set()
        self.waiting: list[Waiting] = []

    def start(self, head: Head, body: bytes) -> None:
        """Answered once the command runs, or cannot."""
        if len([job for job in self.by_id.values() if job.ended_at is None]) >= MOST_RUNNING:
            raise OSError(errno.EAGAIN, f"{MOST_RUNNING} commands run in the background already; end one first")
        head.update(window=0, live=0)
        job = self.jobs.begin(head, begun=self.begun, over=self.over, told=True, stdin=head["input"])
        self.starting.add(job.id)
        if not head["input"]:
            job.stdin.end()

    def begun(self, job: Job) -> None:
        self.starting.discard(job.id)
        self.by_id[job.id] = job
        self.channel.send({"op": "ok", "id": job.id})

    def over(self, job: Job) -> None:
        if job.id in self.starting:
            self.starting.discard(job.id)
            self.channel.fail(job.id, *refusal(job))
            return
        for waiting in [each for each in self.waiting if each.job is job]:
            self.answer(waiting)
        ended = [each.id for each in self.by_id.values() if each.ended_at is not None]
        for old in ended[:-MOST_ENDED]:
            del self.by_id[old]

    def output(self, head: Head, body: bytes) -> None:
        job = self.job(head)
        offset, most = head["offset"], min(head["max"], READ_LIMIT_BYTES)
        data = job.kept.read(offset, most) if job.kept else b""
        if not data and job.kept:
            # Past what is kept, its end may still be in memory.
            offset, data = job.outlet.tail.read(offset, job.kept.size, most)
        self.channel.send({"op": "ok", "id": head["id"], "offset": offset, **state(job)}, data)

    def input(self, head: Head, body: bytes) -> None:
        stdin = self.job(head).stdin
        if stdin.fd is None or stdin.at_end:
            raise OSError(errno.EPIPE, "its stdin is closed")
        if len(stdin.waiting) + len(body) > INPUT_LIMIT_BYTES:
            raise OSError(errno.EAGAIN, f"it has not read the {len(stdin.waiting)} bytes that it was given before")
        stdin.give(body)
        if head["end"]:
            stdin.end()
        self.channel.send({"op": "ok", "id": head["id"]})

    def signal_job(self, head: Head, body: bytes) -> None:
        job = self.job(head)
        number = signal.Signals(head["signal"])
        if job.ended_at is not None:
            raise OSError(errno.ESRCH, "it has ended")
        if number == signal.SIGKILL:
            job.kill()
        else:
            for pid in living_descendants(job.leader.pid):
                send_signal(pid, number)
        self.channel.send({"op": "ok", "id": head["id"]})

    def list_jobs(self, head: Head, body: bytes) -> None:
        jobs = [state(job) for job in self.by_id.values()]
        self.channel.send({"op": "ok", "id": head["id"], "jobs": jobs})

    def wait(self, head: Head, body: bytes) -> None:
        due_s = self.jobs.clock.now_s() + head["timeout_s"]
        beyond = math.inf if head["beyond"] is None else head["beyond"]
        waiting = Waiting(head["id"], self.job(head), due_s, beyond)
        if waiting.job.id not in self.jobs.by_id or has_more(waiting):
            self.answer(waiting)
        elif len(self.waiting) >= MOST_WAITING:
            raise OSError(errno.EAGAIN, f"{MOST_WAITING} requests wait for the ends of commands already")
        else:
            self.waiting.append(waiting)

    def answer(self, waiting: Waiting) -> None:
        if waiting in self.waiting:
            self.waiting.remove(waiting)
        self.channel.send({"op": "ok", "id": waiting.request, **state(waiting.job)})

    def job(self, head: Head) -> Job:
        if head["job"] not in self.by_id:
            raise OSError(errno.ESRCH, f"no command in the background has the number {head['job']}")
        return self.by_id[head["job"]]

    def tick(self) -> float | None:
        """Answers those that have what they wait for, or no more time; returns the seconds until the next has none."""
        if self.jobs.clock.since_s is not None:
            return None
        now_s = self.jobs.clock.now_s()
        for waiting in [each for each in self.waiting if each.due_s <= now_s or has_more(each)]:
            self.answer(waiting)
        next_s = min((each.due_s for each in self.waiting), default=math.inf)
        return None if next_s == math.inf else max(0.0, next_s - now_s)


def has_more(waiting: Waiting) -> bool:
    return waiting.job.kept is not None and waiting.job.kept.size > waiting.beyond


def state(job: Job) -> dict[str, object]:
    return {"job": job.id, "running": job.ended_at is None, **account(job)}
