"""What every payload begins with. Its text is sent into containers; it needs Python 3.8 and the standard library."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import socket
import sys
import time  # noqa: F401 - for payloads, as is all of this
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

GIVEN = json.loads(os.environ["ESCAPE"])
"""What the attacker is told: where things lie that it is after. No secret is among it."""

CANARY = re.compile(rb"canary-[0-9a-f]{32}")
PROOF = "/workspace/through"

_found: list[str] = []
_libc = ctypes.CDLL(None, use_errno=True)


def through(found: object = "") -> None:
    """To be called where the wall was not there. The mark stands nowhere in the payload's own text."""
    mark = "GOT" + "-THROUGH " + GIVEN["token"] + " " + str(found)
    with contextlib.suppress(OSError), open(PROOF, "a") as file:
        file.write(mark + "\n")
    print(mark, flush=True)
    _found.append(mark)


def reveal(data: bytes) -> bool:
    """Through, if the bytes hold a secret that was planted."""
    found = CANARY.search(data)
    if found:
        through(found.group().decode())
    return bool(found)


def syscall(number: int, *arguments: object) -> int:
    """Raises OSError."""
    whole = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result: int = _libc.syscall(ctypes.c_long(number), *whole)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def call(name: str, *arguments: object) -> int:
    """A function of libc. Raises OSError."""
    result: int = getattr(_libc, name)(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def content(path: str, limit: int = 1 << 20) -> bytes:
    """The bytes of a file, or none where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(limit)
    except OSError:
        return b""


def parent_of(pid: int) -> int:
    return int(content(f"/proc/{pid}/stat").rpartition(b")")[2].split()[1])


def search_memory(pid: int) -> bool:
    """Through, if what a process keeps in its memory holds a secret that was planted."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            area, rights, rest = line.split(None, 2)
            if not rights.startswith("rw") or ("[heap]" not in rest and rest.split()[2] != "0"):
                continue
            first, end = (int(text, 16) for text in area.split("-"))
            with contextlib.suppress(OSError, ValueError):
                memory.seek(first)
                if reveal(memory.read(min(end - first, 64 << 20))):
                    return True
    return False


def keepers() -> list[int]:
    """What keeps a container up: its first process, and whoever looks whether its runner is there."""
    # The text of our own commands says this too, but does not end with it.
    return [1, *(pid for pid in pids() if content(f"/proc/{pid}/cmdline").endswith(b"/alive" + bytes(1)))]


def ancestors() -> list[int]:
    """From our parent up to the one that came from outside: in a sandbox the shell, the leader, the supervisor."""
    found = [os.getppid()]
    while parent_of(found[-1]):
        found.append(parent_of(found[-1]))
    return found


def each(things: Iterable[object], attempt: Callable[..., object]) -> None:
    """Tries every one; says why the last was refused."""
    reason: OSError | None = None
    for thing in things:
        try:
            if attempt(thing):
                return
        except OSError as error:
            reason = error
    if reason:
        raise reason


def tree(root: str = "/") -> Iterator[str]:
    """Every file that can be seen, without the kernel's."""
    for folder, inner, names in os.walk(root):
        if folder == "/":
            inner[:] = [name for name in inner if name not in ("proc", "sys", "usr", "lib", "dev")]
        for name in names:
            yield os.path.join(folder, name)


def ask(family: int, address: object) -> bytes:
    """What a listener says to whoever connects."""
    with socket.socket(family, socket.SOCK_STREAM) as line:
        line.settimeout(5)
        line.connect(address)  # type: ignore[arg-type]
        return line.recv(4096)


def outlive() -> bool:
    """True in a process that has left its parents' tree and session; the caller's own returns False."""
    if os.fork():
        return False
    os.setsid()
    if os.fork():
        os._exit(0)
    for fd in range(3):
        os.dup2(os.open("/dev/null", os.O_RDWR), fd)
    return True


def refused(error: object) -> None:
    print("refused:", error, file=sys.stderr)


def ended() -> None:
    """The last line of a payload that nothing stopped."""
    if not _found:
        print("nothing was found", file=sys.stderr)
