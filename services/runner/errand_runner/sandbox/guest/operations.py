"""What the runner may ask for."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from .background import Background
from .channel import Channel, LineClosed
from .files import Files
from .jobs import Jobs
from .limits import Limits

if TYPE_CHECKING:
    from .channel import Head, Operation
    from .loop import Loop
    from .oom import OomScore

VERSION = 6


class Operations:
    """Answers the runner's frames. To add an operation, write it beside its likes and name it in `self.by_name`."""

    def __init__(self, loop: Loop, score: OomScore) -> None:
        self.channel = Channel(loop, self.answer)
        self.jobs = Jobs(loop, self.channel, score)
        self.background = Background(self.jobs, self.channel)
        files = Files(self.channel)
        self.by_name: dict[str, Operation] = {
            "hello": self.hello,
            "run": self.jobs.run,
            "more": self.jobs.more,
            "kill": self.jobs.kill,
            "hold": self.jobs.hold,
            "go_on": self.jobs.go_on,
            "read": files.read,
            "write": files.write,
            "stat": files.stat,
            "start": self.background.start,
            "output": self.background.output,
            "input": self.background.input,
            "signal": self.background.signal_job,
            "jobs": self.background.list_jobs,
            "wait": self.background.wait,
            "counters": Limits(self.channel).counters,
            "kill_all": self.jobs.kill_all,
        }

    def answer(self, head: Head, body: bytes) -> None:
        try:
            self.by_name[head["op"]](head, body)
        except OSError as error:
            self.channel.fail(head["id"], error)
        except ValueError as error:
            # A path with a NUL or a lone surrogate in it.
            self.channel.fail(head["id"], OSError(errno.EINVAL, str(error)))
        except (KeyError, TypeError, AttributeError) as error:
            raise LineClosed(f"a request that is none: {error!r}") from error

    def hello(self, head: Head, body: bytes) -> None:
        self.channel.send({"op": "hello", "id": head["id"], "version": VERSION})

    def tick(self) -> float | None:
        """What is due; then everything that was said goes out."""
        self.channel.flush()
        due_s = [due_s for due_s in (self.jobs.tick(), self.background.tick()) if due_s is not None]
        self.channel.flush()
        return min(due_s, default=None)
