"""Ports that are written into a setting before anybody listens there, or that are listened on again."""

import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000


def free_ports(count: int) -> list[int]:
    """Different ones that are free now. The kernel gives none of them to whoever asks for any: those may be a
    connection's by the time that they are listened on."""
    taken: list[socket.socket] = []
    try:
        for port in random.sample(range(_LOWEST, _first_given_out()), 1000):
            try:
                taken.append(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            if len(taken) == count:
                return [int(each.getsockname()[1]) for each in taken]
    finally:
        for each in taken:
            each.close()
    raise OSError(f"of a thousand ports below {_first_given_out()} hardly any is free")


def free_port() -> int:
    """One."""
    return free_ports(1)[0]


def _first_given_out() -> int:
    lowest, _ = _RANGE.read_text().split()
    return max(int(lowest), _LOWEST + 1000)
