"""Long content lies in files that are whole, and what their name says, or not there."""

import hashlib
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from errand_common.errors import Exhausted, Invalid, NotFound, Unavailable
from errand_scheduler.keeping.blob_files import BlobFiles
from errand_scheduler.store.blobs import Blob

CONTENT = bytes(range(256)) * 300
BLOB = Blob(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture
def files(tmp_path: Path) -> BlobFiles:
    made = BlobFiles(tmp_path / "blobs")
    made.prepare()
    return made


def put(files: BlobFiles, blob: Blob, *pieces: bytes) -> None:
    receiving = files.begin(blob)
    try:
        for piece in pieces:
            receiving.write(piece)
        receiving.keep()
    finally:
        receiving.drop()


def everything_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_content_lies_under_its_hash_and_is_read_in_pieces(files: BlobFiles, tmp_path: Path) -> None:
    put(files, BLOB, CONTENT[:1000], CONTENT[1000:])
    put(files, BLOB, CONTENT)
    assert everything_in(tmp_path) == [tmp_path / "blobs" / BLOB.sha256[:2] / BLOB.sha256]
    assert files.holds(BLOB)
    pieces = [files.read(BLOB, offset=offset, most_bytes=5000) for offset in range(0, BLOB.size_bytes, 5000)]
    assert b"".join(pieces) == CONTENT
    files.path(BLOB.sha256).unlink()
    assert not files.holds(BLOB)


@pytest.mark.parametrize(
    "pieces", [[CONTENT, b"x"], [CONTENT[:-1]], [CONTENT[:-1] + b"?"], []], ids=["more", "less", "other", "nothing"]
)
def test_what_is_not_what_its_name_says_leaves_nothing(files: BlobFiles, tmp_path: Path, pieces: list[bytes]) -> None:
    with pytest.raises(Invalid, match=BLOB.sha256):
        put(files, BLOB, *pieces)
    assert everything_in(tmp_path) == []


def test_more_than_was_announced_does_not_reach_the_disk(files: BlobFiles, tmp_path: Path) -> None:
    receiving = files.begin(BLOB)
    receiving.write(CONTENT)
    with pytest.raises(Invalid, match="more than"):
        receiving.write(b"x")
    [unfinished] = everything_in(tmp_path)
    assert unfinished.stat().st_size == BLOB.size_bytes
    receiving.drop()


def test_an_unfinished_file_of_an_earlier_process_is_dropped(files: BlobFiles, tmp_path: Path) -> None:
    left = files.begin(BLOB)
    left.write(CONTENT[:1000])
    assert len(everything_in(tmp_path)) == 1
    again = BlobFiles(tmp_path / "blobs")
    again.prepare()
    assert everything_in(tmp_path) == []
    put(again, BLOB, CONTENT)
    left.drop()


def test_content_that_is_gone_or_cut_short_is_not_found(files: BlobFiles) -> None:
    with pytest.raises(NotFound, match="no longer"):
        files.read(BLOB, offset=0, most_bytes=10)
    put(files, BLOB, CONTENT)
    os.truncate(files.path(BLOB.sha256), 1000)
    assert not files.holds(BLOB)
    assert files.read(BLOB, offset=0, most_bytes=1000) == CONTENT[:1000]
    with pytest.raises(NotFound):
        files.read(BLOB, offset=1000, most_bytes=1000)


def test_a_full_disk_is_said_with_words_and_leaves_nothing(files: BlobFiles, tmp_path: Path) -> None:
    with small_files(1000), pytest.raises(Exhausted, match="disk is full") as refused:
        put(files, BLOB, CONTENT)
    assert refused.value.retry_after is not None
    assert everything_in(tmp_path) == []
    put(files, BLOB, CONTENT)


def test_a_broken_disk_is_said_with_words(files: BlobFiles, tmp_path: Path) -> None:
    (tmp_path / "blobs" / "tmp").rmdir()
    with pytest.raises(Unavailable, match="look at the scheduler's disk"):
        put(files, BLOB, CONTENT)
    files.path(BLOB.sha256).mkdir(parents=True)
    with pytest.raises(Unavailable, match="look at the scheduler's disk"):
        files.read(BLOB, offset=0, most_bytes=10)


@contextmanager
def small_files(size_bytes: int) -> Iterator[None]:
    """A limit on how long files may grow, which fails writes as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
