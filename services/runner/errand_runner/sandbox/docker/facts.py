"""What an engine says of itself and its host."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class EngineFacts:
    """`root_dir` is where it keeps images, containers and volumes: for a runner in a container, a path of the host.

    `security` are the names of what it confines containers with, such as seccomp, apparmor, userns.
    """

    version: str
    root_dir: Path
    cpus: int
    memory_bytes: int
    cgroup_version: str
    runtimes: tuple[str, ...]
    default_runtime: str
    security: tuple[str, ...]


def facts_of(info: Mapping[str, Any]) -> EngineFacts:
    """Reads the engine's own account (GET /info)."""
    return EngineFacts(
        version=str(info.get("ServerVersion", "")),
        root_dir=Path(info["DockerRootDir"]),
        cpus=int(info.get("NCPU", 0)) or 1,
        memory_bytes=int(info.get("MemTotal", 0)),
        # Engines before 20.10 know the first alone, and do not say so.
        cgroup_version=str(info.get("CgroupVersion") or "1"),
        runtimes=tuple(sorted(info.get("Runtimes") or ())),
        default_runtime=str(info.get("DefaultRuntime", "")),
        security=tuple(_name(option) for option in info.get("SecurityOptions") or ()),
    )


def _name(option: str) -> str:
    """Of `name=seccomp,profile=default`, the name."""
    return option.partition(",")[0].removeprefix("name=")
