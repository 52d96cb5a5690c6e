"""Runs inside a sandbox, as `python3 -c`: tries what no command there may do. It changes nothing where it may.

On stdin: JSON, the limits that must hold. On stdout: JSON, for each wall whether it held, and what was found. It stands
alone, on the standard library of Python 3.8 or newer.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import json
import os
import platform
import resource
import signal
import socket
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Given = dict[str, int]
    Found = tuple[bool, str]

BAD, NONE = 1, -1
REFUSED = ("EPERM", "ENOSYS")

# Calls that a capability does not guard, so that nothing but the list refuses them: numbers of x86_64 and aarch64.
CALLS = {
    "unshare": (272, 97, [0x1000_0000]),
    "clone3": (435, 435, [BAD, 64]),
    "io_uring_setup": (425, 425, [1, BAD]),
    "io_setup": (206, 0, [0, BAD]),
    "add_key": (248, 217, [BAD, BAD, BAD, 1, 0]),
    "keyctl": (250, 219, [999]),
    "userfaultfd": (323, 282, [0xFFFF]),
    "process_vm_readv": (310, 270, [NONE, 0, 0, 0, 0, 1]),
    "name_to_handle_at": (303, 264, [NONE, BAD, BAD, BAD, 0xFFFF]),
    "memfd_secret": (447, 447, [0xFFFF]),
}
MACHINES = {"x86_64": 0, "aarch64": 1}

PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17

# The engine mounts these writable, and they hold nothing of the host's.
OWN_MOUNTS = ("/workspace", "/tmp", "/run", "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")  # noqa: S108

libc = ctypes.CDLL(None, use_errno=True)


def network(given: Given) -> Found:
    # Some modules give every namespace a device of theirs, which is down.
    names = [name for _, name in socket.if_nameindex() if is_up(name)]
    return set(names) <= {"lo"}, ", ".join(names) or "none"


def reach(given: Given) -> Found:
    for address in ("1.1.1.1", "169.254.169.254", "172.17.0.1"):
        with socket.socket() as tried:
            tried.settimeout(2)
            if tried.connect_ex((address, 80)) in (0, errno.ECONNREFUSED):
                return False, f"{address} answers"
    return True, "no way out"


def vsock(given: Given) -> Found:
    try:
        socket.socket(getattr(socket, "AF_VSOCK", 40), socket.SOCK_STREAM).close()
    except OSError as error:
        return True, named(error)
    return False, "a socket"


def capabilities(given: Given) -> Found:
    sets = {name: status(name) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb", "CapInh")}
    held = {name: value for name, value in sets.items() if int(value, 16)}
    return not held, ", ".join(f"{name} {value}" for name, value in held.items()) or "none"


def privileges(given: Given) -> Found:
    return status("NoNewPrivs") == "1", f"NoNewPrivs {status('NoNewPrivs')}"


def filtered(given: Given) -> Found:
    return status("Seccomp") == "2", f"Seccomp {status('Seccomp')}"


def calls(given: Given) -> Found:
    column = MACHINES.get(platform.machine())
    if column is None:
        return False, f"{platform.machine()} is not known here"
    got = {
        name: in_child(functools.partial(made, arm if column else intel, arguments))
        for name, (intel, arm, arguments) in CALLS.items()
    }
    through = [f"{name} ({word})" for name, word in got.items() if word not in REFUSED]
    return not through, ", ".join(through) or f"all {len(got)} refused"


def user(given: Given) -> Found:
    return os.getuid() == os.geteuid() >= 200_000, f"uid {os.getuid()}"


def groups(given: Given) -> Found:
    found = set(os.getgroups()) | {os.getgid()}
    return found == {os.getuid()}, f"groups {sorted(found)}"


def root(given: Given) -> Found:
    opened = [path for path in ("/", "/usr", "/etc", "/opt/errand", "/run/broker") if writable(path)]
    if "ro" not in mounted().get("/", ()):
        opened.append("mounted to be written")
    return not opened, ", ".join(opened) or "none could be written"


def mounts(given: Given) -> Found:
    # What is under /proc and /sys is tried by itself; there the engine covers with mounts what shall not be read.
    opened = [
        path
        for path, options in mounted().items()
        if "rw" in options and path not in ("/", *OWN_MOUNTS) and not path.startswith(("/proc/", "/sys/"))
    ]
    return not opened, ", ".join(opened) or "only its own"


def engine(given: Given) -> Found:
    paths = ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock")
    found = [path for path in paths if os.path.exists(path)]
    return not found, ", ".join(found) or "none"


def settings(given: Given) -> Found:
    paths = ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory", "/proc/sysrq-trigger"]
    paths += ["/sys/kernel/mm/transparent_hugepage/enabled", "/sys/power/state", "/sys/kernel/uevent_helper"]
    opened = [path for path in paths if openable(path, os.O_WRONLY)]
    return not opened, ", ".join(opened) or "none could be opened"


def secrets(given: Given) -> Found:
    told = [
        path for path in ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/dev/mem", "/dev/kmsg") if readable(path)
    ]
    told += [path for path in ("/sys/firmware",) if os.path.isdir(path) and os.listdir(path)]
    return not told, ", ".join(told) or "none could be read"


def devices(given: Given) -> Found:
    blocks = [name for name in os.listdir("/dev") if stat.S_ISBLK(os.lstat(f"/dev/{name}").st_mode)]
    try:
        os.mknod("/tmp/errand-device", 0o600 | stat.S_IFBLK, os.makedev(8, 0))  # noqa: S108
    except OSError:
        return not blocks, ", ".join(blocks) or "none, and none can be made"
    os.unlink("/tmp/errand-device")  # noqa: S108
    return False, "one could be made"


def control(given: Given) -> Found:
    folders = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"]
    opened = [path for path in folders if os.path.isdir(path) and writable(path)]
    return not opened, ", ".join(opened) or "none could be written"


def neighbours(given: Given) -> Found:
    seen = [name for name in os.listdir("/proc") if name.isdigit()]
    return len(seen) < 30, f"{len(seen)} processes"


def supervisor(given: Given) -> Found:
    pid = ancestor(b"/opt/errand")
    if pid is None:
        return False, "it was not found"
    if libc.ptrace(PTRACE_SEIZE, pid, 0, 0) == 0:
        libc.ptrace(PTRACE_DETACH, pid, 0, 0)
        return False, "it can be traced"
    return not openable(f"/proc/{pid}/mem", os.O_RDWR), "it can neither be traced nor read"


def keeper(given: Given) -> Found:
    """The first process, which belongs to whoever looks whether the runner is there, is of another user."""
    with open("/proc/1/status") as file:
        uid = next(line.split()[1] for line in file if line.startswith("Uid:"))
    return uid != str(os.getuid()), f"it is of user {uid}"


def processes(given: Given) -> Found:
    read, write = os.pipe()
    children: list[int] = []
    try:
        while len(children) <= given["pids"]:
            child = os.fork()
            if not child:
                os.close(write)
                os.read(read, 1)
                os._exit(0)
            children.append(child)
    except OSError as error:
        return error.errno == errno.EAGAIN, f"{len(children)} could be started"
    finally:
        os.close(write)
        for child in children:
            os.waitpid(child, 0)
    return False, f"{len(children)} could be started"


def open_files(given: Given) -> Found:
    kept: list[int] = []
    try:
        while len(kept) <= given["open_files"]:
            kept.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        return error.errno == errno.EMFILE, f"{len(kept)} could be opened"
    finally:
        for fd in kept:
            os.close(fd)
    return False, f"{len(kept)} could be opened"


def file_size(given: Given) -> Found:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    path = "/tmp/errand-long"  # noqa: S108
    try:
        with open(path, "wb") as file:
            file.truncate(given["file_bytes"] + 1)
    except OSError as error:
        return error.errno == errno.EFBIG, named(error)
    finally:
        os.unlink(path)
    return False, "a longer file could be made"


def cores(given: Given) -> Found:
    child = os.fork()
    if not child:
        os.abort()
    dumped = os.WCOREDUMP(os.waitpid(child, 0)[1])
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    return not dumped and hard == 0, "one was written" if dumped else f"none, at most {hard} bytes"


WALLS = (
    *(network, reach, vsock, capabilities, privileges, filtered, calls, user, groups, root, mounts, engine, settings),
    *(secrets, devices, control, neighbours, supervisor, keeper, processes, open_files, file_size, cores),
)


def mounted() -> dict[str, list[str]]:
    """The options of each mount, by its path."""
    with open("/proc/self/mountinfo") as file:
        rows = [line.split() for line in file]
    return {row[4]: row[5].split(",") for row in rows}


def is_up(name: str) -> int:
    with open(f"/sys/class/net/{name}/flags") as file:
        return int(file.read(), 16) & 1


def status(name: str) -> str:
    with open("/proc/self/status") as file:
        return next((line.split()[1] for line in file if line.startswith(f"{name}:")), "0")


def made(number: int, arguments: list[int]) -> str:
    done = libc.syscall(ctypes.c_long(number), *(ctypes.c_ulong(value) for value in arguments))
    return errno.errorcode.get(ctypes.get_errno(), "?") if done == -1 else "it worked"


def in_child(attempt: Callable[[], str]) -> str:
    """What it says, made in a process of its own, which may be another one afterwards, or dead."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, attempt().encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read) as file:
        return file.read() or "killed"


def ancestor(word: bytes) -> int | None:
    pid = os.getppid()
    while pid:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if word in file.read():
                return leader_of(pid, word)
        pid = parent(pid)
    return None


def leader_of(pid: int, word: bytes) -> int:
    """The topmost of its kind: the others wait for the commands."""
    above = parent(pid)
    with open(f"/proc/{above or pid}/cmdline", "rb") as file:
        return leader_of(above, word) if above and word in file.read() else pid


def parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def writable(folder: str) -> bool:
    path = os.path.join(folder, ".errand-doctor")
    if not openable(path, os.O_WRONLY | os.O_CREAT):
        return False
    os.unlink(path)
    return True


def readable(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return bool(file.read(1))
    except OSError:
        return False


def openable(path: str, flags: int) -> bool:
    try:
        os.close(os.open(path, flags, 0o600))
    except OSError:
        return False
    return True


def named(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, str(error))


def tried(wall: Callable[[Given], Found], given: Given) -> Found:
    try:
        return wall(given)
    except Exception as error:
        return False, f"could not be tried: {error!r}"


if __name__ == "__main__":
    limits = json.load(sys.stdin)
    print(json.dumps({wall.__name__: tried(wall, limits) for wall in WALLS}))
