"""Files of blobs that are not needed any more, taken out of the folder without taking one that was put just now."""

import os
from collections.abc import Sequence
from pathlib import Path

_SHA256_DIGITS = 64


class BlobSweep:
    """A file is known by its inode: content that is put again comes as another file. Everything here blocks."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def found(self) -> dict[str, int]:
        """Every blob's file, by hash, with its inode. Raises OSError."""
        return {
            file.name: file.inode()
            for folder in sorted(self._root.glob("[0-9a-f][0-9a-f]"))
            for file in os.scandir(folder)
            if len(file.name) == _SHA256_DIGITS
        }

    def inodes(self, sha256s: Sequence[str]) -> dict[str, int]:
        """Those of the blobs' files that are there."""
        return {sha256: path.stat().st_ino for sha256 in sha256s if (path := self._path(sha256)).exists()}

    def remove(self, sha256: str, inode: int) -> bool:
        """Delete the blob's file if it is this one; whether it is gone. Raises OSError."""
        path = self._path(sha256)
        aside = path.with_name(f"{sha256}.going")
        try:
            path.rename(aside)
        except FileNotFoundError:
            return True
        is_this = aside.stat().st_ino == inode
        if not is_this and not path.exists():
            os.link(aside, path)
        aside.unlink()
        return is_this

    def _path(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256
