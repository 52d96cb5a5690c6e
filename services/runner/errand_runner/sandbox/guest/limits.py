"""What the kernel counts of a sandbox that runs into its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .channel import Channel, Head

ROOT = "/sys/fs/cgroup"

# By the name that the runner is told: the key, and the files in which it may stand, of version 2 and of version 1.
COUNTED = {
    "memory_kills": ("oom_kill", ("memory.events", "memory/memory.oom_control")),
    "refused_forks": ("max", ("pids.events", "pids/pids.events")),
    "cpu_periods": ("nr_periods", ("cpu.stat", "cpu/cpu.stat")),
    "cpu_throttled": ("nr_throttled", ("cpu.stat", "cpu/cpu.stat")),
}


class Limits:
    """The operation that tells them, all since the container was made; what this kernel does not count is 0."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    def counters(self, head: Head, body: bytes) -> None:
        counted = {name: first_found(key, files) for name, (key, files) in COUNTED.items()}
        self.channel.send({"op": "ok", "id": head["id"], **counted})


def first_found(key: str, files: tuple[str, ...]) -> int:
    for name in files:
        try:
            with open(f"{ROOT}/{name}", encoding="ascii") as file:
                lines = [line.split() for line in file]
        except OSError:
            continue
        return next((int(words[1]) for words in lines if len(words) == 2 and words[0] == key), 0)
    return 0
