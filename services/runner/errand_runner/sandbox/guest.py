"""The supervisor: the process inside a sandbox that runs commands and moves files for the runner.

One file, standard library only, Python 3.8 or newer: it is mounted into images that we did not make. It speaks frames
over its stdin and stdout (u32 json length, u32 body length, json, body), is silent until spoken to, and ends when stdin
does. Usage: `python3 -I -S guest.py [PORT SOCKET]`; with both, 127.0.0.1:PORT is carried to the unix socket SOCKET.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import json
import os
import selectors
import signal
import socket
import stat
import struct
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Head = dict[str, Any]
    Callback = Callable[[int], None]

VERSION = 1
HEADER = struct.Struct(">II")
CHUNK_BYTES = 64 * 1024
READ_LIMIT_BYTES = 1024 * 1024
LINK_BUFFER_BYTES = 256 * 1024

# What a frame of output costs beside its bytes: a job that writes single bytes must fill its window too.
FRAME_COST_BYTES = 256

# A dead job's pipes close at once, unless a process escaped its tree: then they are cut after this long.
DRAIN_S = 1.0

# A tree that forks faster than it dies is walked again and again, but not for ever.
KILL_S = 2.0

# The kernel's out-of-memory killer takes jobs before it takes the supervisor.
JOB_OOM_SCORE = b"800"

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    loop = Loop()
    if len(sys.argv) == 3:
        Forwarder(loop, int(sys.argv[1]), sys.argv[2])
    guest = Guest(loop)
    loop.run(guest.tick)


class Loop:
    """One selector: callbacks by file descriptor, and a tick after each round."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()

    def watch(self, fd: int, events: int, callback: Callback) -> None:
        """Sets what is watched of fd; no events ends it."""
        known = fd in self.selector.get_map()
        if not events:
            if known:
                self.selector.unregister(fd)
        elif known:
            self.selector.modify(fd, events, callback)
        else:
            self.selector.register(fd, events, callback)

    def run(self, tick: Callable[[], float | None]) -> None:
        while True:
            for key, events in self.selector.select(tick()):
                # An earlier callback of this round may have closed it.
                if self.selector.get_map().get(key.fd) is key:
                    key.data(events)


class Guest:
    """Answers the runner's frames. To add an operation, write a method and name it in `self.operations`."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.channel = Channel(loop, self.answer)
        self.jobs: dict[int, Job] = {}
        self.operations: dict[str, Callable[[Head, bytes], None]] = {
            "hello": self.hello,
            "run": self.run,
            "more": self.more,
            "kill": self.kill,
            "read": self.read,
            "write": self.write,
            "stat": self.stat,
        }
        # Orphans whose own leader was killed come to us, not to PID 1, where nobody would end them.
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.wake_read, wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        loop.watch(self.wake_read, selectors.EVENT_READ, self.reap)

    def answer(self, head: Head, body: bytes) -> None:
        try:
            self.operations[head["op"]](head, body)
        except OSError as error:
            self.fail(head["id"], error)
        except ValueError as error:
            # A path with a NUL or a lone surrogate in it.
            self.fail(head["id"], OSError(errno.EINVAL, str(error)))

    def fail(self, request: int, error: OSError, what: str = "") -> None:
        name = errno.errorcode.get(error.errno or 0, "EIO")
        self.channel.send({"op": "error", "id": request, "errno": name, "message": (what or str(error))[:1000]})

    def hello(self, head: Head, body: bytes) -> None:
        self.channel.send({"op": "hello", "id": head["id"], "version": VERSION})

    def run(self, head: Head, body: bytes) -> None:
        self.jobs[head["id"]] = Job(self, head, body)

    def more(self, head: Head, body: bytes) -> None:
        if head["id"] in self.jobs:
            self.jobs[head["id"]].widen(head["bytes"])

    def kill(self, head: Head, body: bytes) -> None:
        if head["id"] in self.jobs:
            self.jobs[head["id"]].abandon()

    def read(self, head: Head, body: bytes) -> None:
        fd = open_regular(head["path"])
        try:
            data = os.pread(fd, min(head["max"], READ_LIMIT_BYTES), head["offset"])
        finally:
            os.close(fd)
        self.channel.send({"op": "ok", "id": head["id"]}, data)

    def write(self, head: Head, body: bytes) -> None:
        # Through a link, the file that it names is replaced, not the link.
        path = os.path.realpath(head["path"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        replace_file(path, body, head["mode"])
        self.channel.send({"op": "ok", "id": head["id"]})

    def stat(self, head: Head, body: bytes) -> None:
        found = os.stat(head["path"])
        is_dir = stat.S_ISDIR(found.st_mode)
        self.channel.send(
            {"op": "ok", "id": head["id"], "size": found.st_size, "mtime_ns": found.st_mtime_ns, "is_dir": is_dir}
        )

    def reap(self, events: int) -> None:
        read_all(self.wake_read)
        leaders = {job.leader: job for job in self.jobs.values()}
        ended = ended_children()
        for pid in ended:
            if pid in leaders:
                leaders[pid].leader_ended()
        if not leaders.keys() >= set(ended):
            # An orphan of a murdered leader was among them, and now its own children have come to us.
            self.kill_strays()

    def kill_strays(self) -> None:
        """Kills what a murdered leader left behind: our children that lead no job, with their trees."""
        leaders = {job.leader for job in self.jobs.values() if not job.ended_at}
        for pid in children_by_parent().get(os.getpid(), []):
            if pid not in leaders:
                kill_tree(pid)
                send_signal(pid, signal.SIGKILL)

    def tick(self) -> float | None:
        """Ends what is due; returns the seconds until the next is."""
        for job in list(self.jobs.values()):
            job.tick()
        due = [job.due for job in self.jobs.values() if job.due is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None


class Channel:
    """Frames in on stdin, frames out on stdout; neither ever blocks the loop."""

    def __init__(self, loop: Loop, answer: Callable[[Head, bytes], None]) -> None:
        self.loop = loop
        self.answer = answer
        self.incoming = bytearray()
        self.outgoing = bytearray()
        os.set_blocking(0, False)
        os.set_blocking(1, False)
        loop.watch(0, selectors.EVENT_READ, self.receive)

    def receive(self, events: int) -> None:
        try:
            data = os.read(0, 1 << 20)
        except BlockingIOError:
            return
        if not data:
            kill_tree(os.getpid())
            os._exit(0)
        self.incoming += data
        while len(self.incoming) >= HEADER.size:
            head_bytes, body_bytes = HEADER.unpack_from(self.incoming)
            body_at = HEADER.size + head_bytes
            end = body_at + body_bytes
            if len(self.incoming) < end:
                return
            head = json.loads(bytes(self.incoming[HEADER.size : body_at]))
            body = bytes(self.incoming[body_at:end])
            del self.incoming[:end]
            self.answer(head, body)

    def send(self, head: Head, body: bytes = b"") -> None:
        text = json.dumps(head).encode()
        self.outgoing += HEADER.pack(len(text), len(body)) + text + body
        self.flush(0)

    def flush(self, events: int) -> None:
        try:
            while self.outgoing:
                # A copy of a slice: a bytearray cannot shrink while a view of it lives.
                del self.outgoing[: os.write(1, bytes(self.outgoing[: 4 * CHUNK_BYTES]))]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            kill_tree(os.getpid())
            os._exit(0)
        self.loop.watch(1, selectors.EVENT_WRITE if self.outgoing else 0, self.flush)


class Job:
    """One command with all its descendants, from fork to exit frame.

    A leader process stands between us and the command. As a subreaper it keeps what the command leaves behind (double
    forks, new sessions) in one tree, and when the command ends it ends the rest: a job is over with all its processes.
    """

    def __init__(self, guest: Guest, head: Head, body: bytes) -> None:
        self.guest = guest
        self.id: int = head["id"]
        self.window: int = head["window"]
        self.started = time.monotonic()
        self.ended_at: float | None = None
        self.due: float | None = self.started + head["timeout_s"]
        self.timed_out = False
        self.discarding = False
        self.streams: dict[int, int] = {}
        self.what = "{} in {}".format(head["argv"][0], head["cwd"])
        self.start(head["argv"], head["cwd"], head["env"], body)

    def start(self, argv: list[str], cwd: str, extra_env: dict[str, str], body: bytes) -> None:
        env = dict(os.environ, **extra_env)
        opened: list[int] = []
        try:
            stdin = open_stdin(body)
            opened.append(stdin)
            for _ in range(3):
                opened.extend(os.pipe())
            (_, out_read, out_write, err_read, err_write, self.status, status_write) = opened
            guest = os.getpid()
            self.leader = os.fork()
        except OSError:
            close_all(opened)
            raise
        if self.leader == 0:
            lead(guest, status_write, lambda: become(argv, cwd, env, (stdin, out_write, err_write)))
        close_all([stdin, out_write, err_write, status_write])
        os.set_blocking(self.status, False)
        self.streams = {out_read: 1, err_read: 2}
        for fd in self.streams:
            os.set_blocking(fd, False)
        self.watch()

    def watch(self) -> None:
        readable = selectors.EVENT_READ if self.window > 0 or self.discarding else 0
        for fd in self.streams:
            self.guest.loop.watch(fd, readable, functools.partial(self.forward, fd))

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
        self.guest.channel.send({"op": "out", "id": self.id, "fd": self.streams[fd]}, data)
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

    def kill(self) -> None:
        if self.ended_at is None:
            kill_tree(self.leader)
            # The job may have stopped its own leader.
            send_signal(self.leader, signal.SIGCONT)
            self.due = time.monotonic() + KILL_S

    def leader_ended(self) -> None:
        self.ended_at = time.monotonic()
        self.due = self.ended_at + DRAIN_S
        self.report = read_all(self.status)
        if not self.report:
            self.guest.kill_strays()
        self.tick()

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
        del self.guest.jobs[self.id]
        kind, _, number = self.report.split(b";")[0].partition(b" ")
        if kind in (b"chdir", b"exec"):
            reason = OSError(int(number), os.strerror(int(number)))
            self.guest.fail(self.id, reason, f"cannot {kind.decode()} {self.what}: {reason.strerror}")
            return
        # No report: someone killed the leader, and with it the command.
        status = int(number) if kind == b"ended" else int(signal.SIGKILL)
        self.guest.channel.send(
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
        self.guest.loop.watch(fd, 0, ignore)
        os.close(fd)
        del self.streams[fd]


def lead(guest: int, status_write: int, command: Callable[[], None]) -> None:
    """Runs in the fork, never returns: starts the command, waits for it, ends what it leaves, reports its status."""
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guest:
            return
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        pid = os.fork()
        if pid == 0:
            attempt(command, status_write)
        # Copies of pipes and sockets held here would keep them open after their owners are gone.
        close_all([fd for fd in open_fds() if fd != status_write])
        os.write(status_write, b"ended %d;" % wait_for(pid))
    except OSError as error:
        os.write(status_write, b"exec %d;" % (error.errno or errno.EIO))
    finally:
        os._exit(0)


def wait_for(command: int) -> int:
    """Reaps everything of this tree; returns the command's status when nothing of it is left."""
    status = 0
    while True:
        pid, ended = os.waitpid(-1, 0)
        if pid == command:
            status = ended
            break
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                kill_tree(os.getpid())
                os.waitpid(-1, 0)
        except ChildProcessError:
            return status


def attempt(command: Callable[[], None], status_write: int) -> None:
    """Runs in the second fork, never returns: becomes the command or reports why it cannot."""
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        command()
    except StartFailed as failure:
        os.write(status_write, b"%s %d;" % (failure.step, failure.number))
    finally:
        os._exit(127)


class StartFailed(Exception):
    def __init__(self, step: bytes, number: int) -> None:
        super().__init__(step, number)
        self.step = step
        self.number = number


def become(argv: list[str], cwd: str, env: dict[str, str], stdio: tuple[int, int, int]) -> None:
    step = b"chdir"
    try:
        for number, fd in enumerate(stdio):
            os.dup2(fd, number)
        # Python ignores these two, and an ignored signal stays ignored across exec.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        raise_oom_score()
        os.chdir(cwd)
        step = b"exec"
        os.execvpe(argv[0], argv, env)  # noqa: S606 - argv is what we were asked to run
    except OSError as error:
        raise StartFailed(step, error.errno or errno.EIO) from error
    except ValueError as error:
        raise StartFailed(step, errno.EINVAL) from error


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


def kill_tree(root: int) -> None:
    """Kills every descendant of root, root itself not. Stopping them all first leaves none that could fork on."""
    stopped: set[int] = set()
    give_up = time.monotonic() + KILL_S
    while time.monotonic() < give_up:
        found = living_descendants(root)
        if not found:
            return
        fresh = [pid for pid in found if pid not in stopped]
        for pid in fresh:
            send_signal(pid, signal.SIGSTOP)
        stopped.update(fresh)
        if fresh:
            continue
        for pid in found:
            send_signal(pid, signal.SIGKILL)
        time.sleep(0.001)


def living_descendants(root: int) -> list[int]:
    children = children_by_parent()
    found: list[int] = []
    waiting = [root]
    while waiting:
        for pid in children.get(waiting.pop(), []):
            found.append(pid)
            waiting.append(pid)
    return found


def children_by_parent() -> dict[int, list[int]]:
    """Every process by its parent; a zombie counts as gone."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                text = file.read()
        except OSError:
            continue
        # The name, in brackets, may itself hold brackets and spaces.
        state, parent = text[text.rindex(b")") + 2 :].split(None, 2)[:2]
        if state not in (b"Z", b"X"):
            children.setdefault(int(parent), []).append(int(name))
    return children


def open_stdin(body: bytes) -> int:
    if not body:
        return os.open(os.devnull, os.O_RDONLY)
    fd = os.memfd_create("stdin")
    with open(fd, "wb", closefd=False) as file:
        file.write(body)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def open_regular(path: str) -> int:
    """Opens for reading; a pipe or device could block the loop and is refused."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return fd
    os.close(fd)
    number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
    raise OSError(number, "not a regular file", path)


def replace_file(path: str, data: bytes, mode: int) -> None:
    """Writes beside the file, then renames: a reader sees the old or the new. An existing file keeps its mode."""
    try:
        found = os.stat(path).st_mode
        if not stat.S_ISREG(found):
            raise OSError(errno.EISDIR if stat.S_ISDIR(found) else errno.EINVAL, "not a regular file", path)
        mode = stat.S_IMODE(found)
    except FileNotFoundError:
        pass
    beside = os.path.join(os.path.dirname(path), f".errand-{os.getpid()}-{time.monotonic_ns()}.tmp")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
        os.replace(beside, path)
    except OSError:
        if os.path.lexists(beside):
            os.unlink(beside)
        raise


class Forwarder:
    """Carries 127.0.0.1:port to the broker's unix socket, the sandbox's only way out."""

    def __init__(self, loop: Loop, port: int, path: str) -> None:
        self.loop = loop
        self.path = path
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(128)
        self.listener.setblocking(False)
        loop.watch(self.listener.fileno(), selectors.EVENT_READ, self.accept)

    def accept(self, events: int) -> None:
        try:
            client, _ = self.listener.accept()
        except OSError:
            return
        broker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            broker.setblocking(False)
            client.setblocking(False)
            broker.connect(self.path)
        except OSError:
            client.close()
            broker.close()
            return
        Link(self.loop, client, broker)


class Link:
    """Two joined sockets. Each has a buffer of what is still to be written to it."""

    def __init__(self, loop: Loop, one: socket.socket, other: socket.socket) -> None:
        self.loop = loop
        self.peer = {one: other, other: one}
        self.buffer = {one: bytearray(), other: bytearray()}
        self.at_end: set[socket.socket] = set()
        self.watch()

    def watch(self) -> None:
        for side, peer in self.peer.items():
            events = selectors.EVENT_WRITE if self.buffer[side] else 0
            if side not in self.at_end and len(self.buffer[peer]) < LINK_BUFFER_BYTES:
                events |= selectors.EVENT_READ
            self.loop.watch(side.fileno(), events, functools.partial(self.move, side))

    def move(self, side: socket.socket, ready: int) -> None:
        try:
            if ready & selectors.EVENT_WRITE:
                self.push(side)
            if ready & selectors.EVENT_READ:
                self.pull(side)
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if len(self.at_end) == 2 and not any(self.buffer.values()):
            self.close()
        else:
            self.watch()

    def pull(self, side: socket.socket) -> None:
        data = side.recv(LINK_BUFFER_BYTES)
        peer = self.peer[side]
        if not data:
            self.at_end.add(side)
        self.buffer[peer] += data
        self.push(peer)

    def push(self, side: socket.socket) -> None:
        buffer = self.buffer[side]
        if buffer:
            del buffer[: side.send(bytes(buffer))]
        if not buffer and self.peer[side] in self.at_end:
            side.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for side in self.peer:
            self.loop.watch(side.fileno(), 0, ignore)
            side.close()


def prctl(option: int, value: int) -> None:
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def raise_oom_score() -> None:
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(fd, JOB_OOM_SCORE)
        os.close(fd)
    except OSError:
        # Not allowed where the score is higher already.
        pass


def send_signal(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def read_all(fd: int) -> bytes:
    data = b""
    try:
        while True:
            more = os.read(fd, 4096)
            data += more
            if not more:
                return data
    except BlockingIOError:
        return data


def open_fds() -> list[int]:
    return [int(name) for name in os.listdir("/proc/self/fd")]


def close_all(fds: list[int]) -> None:
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)


def ignore(events: int) -> None:
    """What an ended watch calls: nothing."""


if __name__ == "__main__":
    main()
