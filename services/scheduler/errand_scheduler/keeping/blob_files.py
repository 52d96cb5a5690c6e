"""The folder of long content: files named by their hash, each whole or not there."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

from errand_common.durable import sync_folder
from errand_common.errors import Exhausted, Invalid, NotFound, Unavailable
from errand_scheduler.store.blobs import Blob

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_RETRY = timedelta(minutes=1)


class BlobFiles:
    """Knows where each blob lies. Everything here blocks; it is called from threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / "tmp"
        self._numbers = count(1)

    def prepare(self) -> None:
        """Make the folder, and drop what an earlier process left unfinished. Raises OSError."""
        self._unfinished.mkdir(parents=True, exist_ok=True)
        for left in self._unfinished.iterdir():
            left.unlink()

    def path(self, sha256: str) -> Path:
        """Where the blob of this hash lies, or would."""
        return self._root / sha256[:2] / sha256

    def holds(self, blob: Blob) -> bool:
        """Whether the blob is there in its full length."""
        try:
            return self.path(blob.sha256).stat().st_size == blob.size_bytes
        except FileNotFoundError:
            return False

    def intact(self, blob: Blob) -> bool:
        """Whether it is there as it was put: reads all of it. Raises OSError."""
        if not self.holds(blob):
            return False
        with self.path(blob.sha256).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == blob.sha256

    def begin(self, blob: Blob) -> "Receiving":
        """A file for a blob that is about to come. Raises Exhausted for a full disk, Unavailable for a broken one."""
        return Receiving(
            blob, unfinished=self._unfinished / f"{blob.sha256}.{next(self._numbers)}", final=self.path(blob.sha256)
        )

    def read(self, blob: Blob, *, offset: int, most_bytes: int) -> bytes:
        """A piece of a blob, empty at its end; the file is open only meanwhile. Raises NotFound where it is gone or cut
        short, Unavailable where the disk fails."""
        try:
            with self.path(blob.sha256).open("rb") as file:
                file.seek(offset)
                piece = file.read(most_bytes)
        except FileNotFoundError as exc:
            raise _gone(blob) from exc
        except OSError as exc:
            raise Unavailable(f"content {blob.sha256} cannot be read ({exc}); look at the scheduler's disk") from exc
        if len(piece) != min(most_bytes, blob.size_bytes - offset):
            raise _gone(blob)
        return piece


class Receiving:
    """One blob on its way to the disk. It ends with `keep` or `drop`."""

    def __init__(self, blob: Blob, *, unfinished: Path, final: Path) -> None:
        self._blob = blob
        self._unfinished = unfinished
        self._final = final
        self._hash = hashlib.sha256()
        self._size_bytes = 0
        with _disk(blob):
            self._file = unfinished.open("wb", buffering=0)

    def write(self, piece: bytes) -> None:
        """Append a piece. Raises Invalid for more than was announced, Exhausted, Unavailable."""
        self._size_bytes += len(piece)
        if self._size_bytes > self._blob.size_bytes:
            raise Invalid(f"more than the {self._blob.size_bytes} bytes of {self._blob.sha256} came; send just these")
        self._hash.update(piece)
        with _disk(self._blob):
            rest = memoryview(piece)
            while rest:
                rest = rest[self._file.write(rest) :]

    def keep(self) -> None:
        """Check the whole and make it the blob, safe against power loss. Raises Invalid, Exhausted, Unavailable."""
        found = self._hash.hexdigest()
        if (found, self._size_bytes) != (self._blob.sha256, self._blob.size_bytes):
            raise Invalid(
                f"{self._size_bytes} bytes with the hash {found} came for {self._blob.sha256} of"
                f" {self._blob.size_bytes} bytes; send what the hash names"
            )
        with _disk(self._blob):
            os.fsync(self._file.fileno())
            self._final.parent.mkdir(exist_ok=True)
            self._unfinished.rename(self._final)
            sync_folder(self._final.parent)
            sync_folder(self._final.parent.parent)

    def drop(self) -> None:
        """Close the file, and delete it unless it was kept."""
        self._file.close()
        self._unfinished.unlink(missing_ok=True)


@contextmanager
def _disk(blob: Blob) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in _FULL:
            raise Exhausted(
                f"the scheduler's disk is full, so content {blob.sha256} of {blob.size_bytes} bytes was not stored;"
                " its owner must free some",
                retry_after=_FULL_RETRY,
            ) from exc
        raise Unavailable(f"content {blob.sha256} cannot be stored ({exc}); look at the scheduler's disk") from exc


def _gone(blob: Blob) -> NotFound:
    return NotFound(f"content {blob.sha256} of {blob.size_bytes} bytes is no longer in the scheduler's folder")
