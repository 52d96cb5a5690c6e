"""Files that are no whole backup, and what is said of each."""

import io
import tarfile
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

from errand_scheduler.keeping.archive import DATABASE, MANIFEST, blob_name
from errand_scheduler.store.blobs import Blob

CONTENT = b"long content, as far as this test goes" * 3000
BLOB = Blob(sha256=sha256(CONTENT).hexdigest(), size_bytes=len(CONTENT))
"""What a whole one holds beside the database."""


def members(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def write(file: Path, contents: Iterable[tuple[str, bytes]], *, mode: str = "w:") -> Path:
    with tarfile.open(file, mode) as archive:  # type: ignore[call-overload]
        for name, content in contents:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file


def _cut(at: float) -> Callable[[Path], None]:
    def cut(file: Path) -> None:
        whole = file.read_bytes()
        file.write_bytes(whole[: int(len(whole) * at)])

    return cut


def _replaced(file: Path) -> None:
    file.write_text("my diary")


def _without_end(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1024])


def _cut_between_members(file: Path) -> None:
    with tarfile.open(file) as archive:
        last = archive.getmembers()[-1]
    file.write_bytes(file.read_bytes()[: last.offset])


def _changed(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        write(file, [(each, change(was) if each == name else was) for each, was in members(file).items()])

    return damage


def _with(name: str, content: bytes = b"x") -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        write(file, [*members(file).items(), (name, content)])

    return damage


def _with_link(file: Path) -> None:
    link = tarfile.TarInfo("blobs/aa/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(file, "a:") as archive:
        archive.addfile(link)


def _without(name: str) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        write(file, [item for item in members(file).items() if item[0] != name])

    return damage


def _packed(file: Path) -> None:
    write(file, members(file).items(), mode="w:gz")


def _page_ruined(database: bytes) -> bytes:
    return database[: 4096 * 5] + bytes(range(256)) * 16 + database[4096 * 6 :]


def _of_a_newer_release(database: bytes) -> bytes:
    return database[:60] + (999).to_bytes(4, "big") + database[64:]


BLOB_NAME = blob_name(BLOB.sha256)
DAMAGE = {
    "nothing": (_cut(0), "it is not an archive"),
    "something else": (_replaced, "it is not an archive"),
    "half of one": (_cut(0.5), "unexpected end of data"),
    "cut off between two": (_cut_between_members, "its end is missing"),
    "almost whole": (_without_end, "its end is missing"),
    "packed": (_packed, "it is not an archive"),
    "another archive": (_without(MANIFEST), "it does not begin with manifest.json"),
    "another version": (_changed(MANIFEST, lambda was: was.replace(b'"format": 1', b'"format": 2')), "another version"),
    "a manifest of nonsense": (_changed(MANIFEST, lambda was: b"[]"), "its manifest.json cannot be read"),
    "no database": (_without(DATABASE), "it holds no errand.db"),
    "a ruined page": (_changed(DATABASE, _page_ruined), "is no backup that can be restored"),
    "another database": (_changed(DATABASE, lambda was: b"hello" * 1000), "not a database"),
    "a newer database": (_changed(DATABASE, _of_a_newer_release), "it has version 999"),
    "no blob": (_without(BLOB_NAME), f"the content {BLOB.sha256} is not in it"),
    "a changed blob": (_changed(BLOB_NAME, lambda was: was[:-1] + b"!"), f"the content {BLOB.sha256} was changed"),
    "a path outside": (_with("../outside"), "it holds '../outside'"),
    "an absolute path": (_with("/tmp/outside"), "it holds '/tmp/outside'"),
    "another file": (_with("secret.keys"), "it holds 'secret.keys'"),
    "a link": (_with_link, "it holds 'blobs/aa/link'"),
}
