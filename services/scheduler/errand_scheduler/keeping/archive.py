"""What a backup is made of: an uncompressed tar archive of a manifest, the database and its blobs, in this order."""

import hashlib
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from errand_scheduler.store.blobs import Blob

MANIFEST, DATABASE = "manifest.json", "errand.db"
_FORMAT = 1
_MANIFEST_BYTES = 16 * 1024 * 1024
_BLOB_BYTES = 32 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_BLOB = re.compile(r"blobs/([0-9a-f]{2})/(\1[0-9a-f]{62})")


class NotABackup(Exception):
    """What was found in the stead of a backup, in words."""


@dataclass(frozen=True)
class Manifest:
    """What an archive says of itself. `missing_blobs` were gone from the folder when it was made."""

    epoch: str
    generation: int
    created_time: int
    missing_blobs: tuple[str, ...] = ()


def blob_name(sha256: str) -> str:
    """The member of the archive that holds the blob."""
    return f"blobs/{sha256[:2]}/{sha256}"


def packed(manifest: Manifest, members: Iterable[tuple[str, Path]]) -> Iterator[bytes]:
    """The archive in pieces of at most 1 MiB. It reads files: it blocks. Raises OSError."""
    said = json.dumps({"format": _FORMAT, **asdict(manifest)}).encode()
    yield _header(MANIFEST, len(said), manifest.created_time) + said + _padding(len(said))
    for name, path in members:
        with path.open("rb") as file:
            size_bytes = path.stat().st_size
            yield _header(name, size_bytes, manifest.created_time)
            yield from _pieces(file, size_bytes)
            yield _padding(size_bytes)
    yield bytes(2 * tarfile.BLOCKSIZE)


def unpack(file: Path, folder: Path) -> Manifest:
    """Lay the members into an empty folder, each blob checked against its hash. Raises NotABackup, OSError."""
    try:
        with tarfile.open(file, "r:") as archive:
            manifest = _manifest(archive)
            while (member := archive.next()) is not None:
                _lay(archive, member, folder)
            _check_end(file, archive.offset)
            return manifest
    except tarfile.TarError as exc:
        raise NotABackup(f"it is not an archive that is whole ({exc})") from exc


def check_blobs(manifest: Manifest, known: Iterable[Blob], folder: Path) -> None:
    """Whether everything that the database refers to was unpacked. Raises NotABackup."""
    missing = set(manifest.missing_blobs)
    for blob in known:
        if blob.sha256 not in missing and not (folder / blob_name(blob.sha256)).exists():
            raise NotABackup(f"it is not whole: the content {blob.sha256} is not in it")


def _manifest(archive: tarfile.TarFile) -> Manifest:
    first = archive.next()
    if first is None or first.name != MANIFEST or not first.isreg() or first.size > _MANIFEST_BYTES:
        raise NotABackup(f"it does not begin with {MANIFEST}")
    opened = archive.extractfile(first)
    assert opened is not None  # a regular file
    try:
        said = json.loads(opened.read())
        if said.pop("format") != _FORMAT:
            raise NotABackup("another version of this program made it; restore it with that one")
        return Manifest(**{**said, "missing_blobs": tuple(said["missing_blobs"])})
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise NotABackup(f"its {MANIFEST} cannot be read ({exc})") from exc


def _lay(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    blob = _BLOB.fullmatch(member.name)
    if member.type != tarfile.REGTYPE or member.sparse is not None or not (blob or member.name == DATABASE):
        raise NotABackup(f"it holds {member.name!r}, which no backup does")
    if blob and member.size > _BLOB_BYTES:
        raise NotABackup(f"it holds a blob of {member.size} bytes; the most is {_BLOB_BYTES}")
    target = folder / member.name
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    opened = archive.extractfile(member)
    assert opened is not None  # a regular file
    found = hashlib.sha256()
    with target.open("xb") as file:
        for piece in _pieces(opened, member.size):
            found.update(piece)
            file.write(piece)
    if blob and found.hexdigest() != blob[2]:
        raise NotABackup(f"the content {blob[2]} was changed since")


def _check_end(file: Path, offset: int) -> None:
    """`tarfile` takes one that was cut off, or is garbage from some member on, for a whole one."""
    with file.open("rb") as opened:
        opened.seek(offset)
        end = opened.read(2 * tarfile.BLOCKSIZE)
    if len(end) < 2 * tarfile.BLOCKSIZE or any(end):
        raise NotABackup("it is not whole: its end is missing")


def _header(name: str, size_bytes: int, time_us: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size_bytes, time_us // 1_000_000, 0o600
    return info.tobuf(tarfile.GNU_FORMAT)


def _pieces(file: IO[bytes], size_bytes: int) -> Iterator[bytes]:
    left = size_bytes
    while left:
        piece = file.read(min(left, _PIECE_BYTES))
        if not piece:
            raise NotABackup("it is not whole: a file in it is cut off")
        left -= len(piece)
        yield piece


def _padding(size_bytes: int) -> bytes:
    return bytes(-size_bytes % tarfile.BLOCKSIZE)
