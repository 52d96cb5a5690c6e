"""Long content travels apart from its event: it waits in a file under its hash for as long as an event needs it."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from google.protobuf.message import Message

from errand.v1.runner_pb2 import AttemptEvent
from errand.v1.task_pb2 import Blob
from errand_runner.outbox.thread import DiskThread

INLINE_BYTES = 64 * 1024
"""The longest content that an event carries itself (ARCHITECTURE.md, Bounds)."""

BLOB_BYTES = 32 * 1024 * 1024
"""The longest content of all (contract: Blob.size_bytes)."""


def set_aside(event: AttemptEvent) -> dict[str, bytes]:
    """Put a reference in the place of each long content; the contents by their hash."""
    contents: dict[str, bytes] = {}
    for record, field in _long_fields(event):
        content = getattr(record, field)
        if len(content) > INLINE_BYTES:
            sha256 = hashlib.sha256(content).hexdigest()
            contents[sha256] = content
            getattr(record, f"{field}_blob").CopyFrom(Blob(sha256=sha256, size_bytes=len(content)))
            record.ClearField(field)
    return contents


def blobs_of(event: AttemptEvent) -> list[Blob]:
    """What an event refers to, each once."""
    found = {
        blob.sha256: blob
        for record, field in _long_fields(event)
        if record.HasField(f"{field}_blob") and (blob := getattr(record, f"{field}_blob"))
    }
    return list(found.values())


class Shelf:
    """The blobs of one attempt, each in a file for as long as something needs it."""

    def __init__(self, folder: Path, thread: DiskThread, *, needed: Sequence[str] = ()) -> None:
        """`needed` names what recovered events refer to, once for each; whatever else lies there is removed."""
        self._folder, self._thread = folder, thread
        self._needs = Counter(needed)
        for path in _files(folder):
            if path.name not in self._needs:
                path.unlink(missing_ok=True)

    def path(self, sha256: str) -> Path:
        """Where a blob lies, if it does."""
        return self._folder / sha256

    async def put(self, contents: Mapping[str, bytes]) -> None:
        """Keep contents, durably when this returns, until each is released. Waits for room. Raises OSError."""
        self._needs.update(contents.keys())
        for sha256, content in contents.items():
            await self._thread.put(self.path(sha256), content)

    def release(self, names: Sequence[str]) -> None:
        """One who needed these needs them no more."""
        for sha256 in names:
            self._needs[sha256] -= 1
            if self._needs[sha256] <= 0:
                del self._needs[sha256]
                self._thread.run(partial(_remove, self.path(sha256)))

    def clear(self) -> None:
        """Nobody needs anything of it any more."""
        self._needs.clear()
        self._thread.run(partial(shutil.rmtree, self._folder, ignore_errors=True))


def _long_fields(event: AttemptEvent) -> list[tuple[Message, str]]:
    match event.WhichOneof("record"):
        case "message":
            return [(event.message, "content")]
        case "tool_call":
            return [(event.tool_call, "input"), (event.tool_call, "output")]
    return []


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _remove(path: Path) -> None:
    # What stays behind is removed when the folder is read again.
    with suppress(OSError):
        path.unlink()
