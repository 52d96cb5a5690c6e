"""Every place to which a credential could get: each gives all its bytes, to be searched."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.demo.phone import Json
from tests.demo.stack import REPOSITORY, Stack

DATABASE, BLOBS, OUTBOX, RUNNER, LOGS, GIT_HOST = "database", "blobs", "outbox", "runner", "logs", "git host"


def holds(data: bytes, secrets: Iterable[str]) -> list[str]:
    """The beginnings of those that occur."""
    return [secret[:8] for secret in secrets if secret.encode() in data]


def places(stack: Stack, *, repository: str = REPOSITORY) -> dict[str, bytes]:
    """Those outside a container and its volume, by name."""
    data = stack.folder / "runner"
    return {
        DATABASE: b"".join(path.read_bytes() for path in stack.database.parent.glob("errand.db*")),
        BLOBS: tree(stack.folder / "scheduler" / "blobs"),
        OUTBOX: tree(data / "outbox"),
        RUNNER: tree(data),
        LOGS: b"".join(path.read_bytes() for path in stack.folder.glob("*.log")),
        GIT_HOST: objects(stack.bare(repository)),
    }


def tree(root: Path) -> bytes:
    """The files below it."""
    return b"".join(path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file())


def objects(bare: Path) -> bytes:
    """All that a repository holds, whatever points at it, and the names of its references."""
    batch = ("cat-file", "--batch", "--batch-all-objects")
    return output_of("git", "-C", str(bare), *batch) + output_of("git", "-C", str(bare), "for-each-ref")


def processes(task: Json) -> bytes:
    """Environments and command lines in the task's container, as the task's user sees them: root has no power there to
    read another's."""
    container = task["container_id"]
    label = '{{index .Config.Labels "errand.uid"}}'
    uid = output_of("docker", "inspect", "--format", label, container).decode().strip()
    look = ("docker", "exec", "--user", f"{uid}:{uid}", container, "sh", "-c")
    return output_of(*look, "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; true")


def volume(stack: Stack, task: Json) -> bytes:
    """What the task's container has mounted, as an archive."""
    template = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}'
    (name,) = output_of("docker", "inspect", "--format", template, task["container_id"]).decode().split()
    mount = f"{name}:/v:ro"
    return output_of("docker", "run", "--rm", "--network", "none", "-v", mount, stack.image, "tar", "-c", "/v")


def output_of(*command: str) -> bytes:
    """What a command prints, which is to succeed."""
    return subprocess.run(command, check=True, capture_output=True).stdout
