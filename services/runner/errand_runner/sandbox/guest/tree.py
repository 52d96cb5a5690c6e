"""Process trees: found, stopped, killed."""

from __future__ import annotations

import contextlib
import os
import signal
import time

# A tree that forks faster than it dies is walked again and again, but not for ever.
KILL_S = 2.0


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


def send_signal(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)
