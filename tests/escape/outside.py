"""What must look the same from the host before and after an attempt."""

import hashlib
import os
import socket
from collections.abc import Iterable
from pathlib import Path

_SETTINGS = ("core_pattern", "hostname", "modprobe", "sysrq")


def seen(*, programs: Iterable[Path], door: Path) -> dict[str, str]:
    """Settings of the kernel, network interfaces, files of the supervisor's program, what lies in the sockets' folder.

    Blocks.
    """
    found = {f"kernel.{name}": setting(f"/proc/sys/kernel/{name}") for name in _SETTINGS}
    # Those that the engine makes for other containers come and go.
    found["interfaces"] = " ".join(name for _, name in socket.if_nameindex() if not name.startswith("veth"))
    for folder in programs:
        found |= {str(path): _file(path) for path in folder.rglob("*")}
    # A sandbox that took the place of another has a folder of its own, with the same in it.
    found["door"] = " ".join(f"{path.name} {path.lstat().st_mode:o}" for path in sorted(door.iterdir()))
    return found


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What is not as it was."""
    return [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]


def setting(path: str) -> str:
    """What a file of the kernel says; empty where there is none."""
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _file(path: Path) -> str:
    status = path.lstat()
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else os.fsdecode(path)
    return f"{status.st_mode:o} {status.st_uid} {status.st_ino} {digest}"
