"""The page's files, read once: what each is, and a tag that changes when it does."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "web"
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_TAG_CHARACTERS = 32


@dataclass(frozen=True)
class File:
    """One file, as it is sent."""

    content: bytes
    media_type: str
    etag: str


def read_files() -> Mapping[str, File]:
    """All of them, by their path below the folder. What is not of a known type is not served."""
    found = (path for path in sorted(_FOLDER.rglob("*")) if path.suffix in _MEDIA_TYPES)
    return {path.relative_to(_FOLDER).as_posix(): _read(path) for path in found}


def _read(path: Path) -> File:
    content = path.read_bytes()
    tag = hashlib.sha256(content).hexdigest()[:_TAG_CHARACTERS]
    return File(content, _MEDIA_TYPES[path.suffix], f'"{tag}"')
