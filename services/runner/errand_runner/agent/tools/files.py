"""The file tools: read, write, edit."""

import hashlib

from errand_runner.agent.gallery import PICTURE_BYTES
from errand_runner.agent.pictures import BrokenPicture, media_type_of, picture_of
from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools.definitions import EditInput, ReadInput, WriteInput
from errand_runner.agent.tools.outcome import Outcome, Refused
from errand_runner.agent.tools.output import LINE_CHARS
from errand_runner.agent.tools.paths import absolute
from errand_runner.agent.tools.stream import clean
from errand_runner.sandbox.supervisor import WRITE_LIMIT_BYTES, FileError, Supervisor

FILE_LIMIT_BYTES = 2 * 1024 * 1024
MOST_WRITTEN_BYTES = 1024 * 1024
_READ_CHARS = 30_000
_LINES_AROUND = 3


class Files:
    """Reads and changes files. It remembers what Claude last saw of each; after a restart it has seen nothing."""

    def __init__(self, supervisor: Supervisor, redactor: Redactor) -> None:
        self._supervisor = supervisor
        self._redactor = redactor
        self._seen: dict[str, bytes] = {}

    async def read(self, given: ReadInput, *, folder: str) -> Outcome:
        """Gives numbered lines, or a picture; `folder` is what a relative path starts from, here and below."""
        path = absolute(given.path, folder)
        data = await self._begin(path)
        if (media_type := media_type_of(data)) is not None:
            return await self._picture(path, media_type)
        _check_size(path, data)
        self._seen[path] = _digest(data)
        lines = self._shown(_decoded(data, path)).splitlines()
        if not lines:
            return Outcome(f"{path} is empty.")
        if given.first_line > len(lines):
            raise Refused(f"{path} has {len(lines)} lines; line {given.first_line} is past its end.")
        return Outcome(_page(lines, given.first_line, given.line_count))

    async def write(self, given: WriteInput, *, folder: str) -> Outcome:
        """Replaces a whole file, or makes it."""
        path = absolute(given.path, folder)
        if (size := len(given.content.encode())) > MOST_WRITTEN_BYTES:
            raise Refused(f"The content is {size:,} bytes and {MOST_WRITTEN_BYTES:,} are the most; write it in parts.")
        if path in self._seen:
            await self._check_fresh(path, await self._load_if_there(path))
        await self._store(path, given.content)
        return Outcome(f"Wrote {path}: {len(given.content.splitlines())} lines.")

    async def edit(self, given: EditInput, *, folder: str) -> Outcome:
        """Replaces text that occurs exactly once, or everywhere when asked."""
        path = absolute(given.path, folder)
        data = await self._load(path)
        await self._check_fresh(path, data)
        text = _decoded(data, path)
        count = text.count(given.old_text)
        _check_replaceable(given, path, text, count)
        start = text.index(given.old_text)
        changed = text.replace(given.old_text, given.new_text)
        await self._store(path, changed)
        places = f"{count} places" if count > 1 else "one place"
        around = _around(self._shown(changed).splitlines(), text.count("\n", 0, start), given.new_text.count("\n") + 1)
        return Outcome(f"Changed {path} in {places}:\n{around}")

    async def _picture(self, path: str, media_type: str) -> Outcome:
        most = PICTURE_BYTES // 4 * 3
        data = await self._supervisor.read(path, limit_bytes=most + 1)
        if len(data) > most:
            raise Refused(f"{path} is a picture of more than {most:,} bytes; make a smaller copy and read that.")
        try:
            picture = picture_of(data, media_type)
        except BrokenPicture as error:
            raise Refused(f"{path} begins as {media_type} and cannot be shown: {error}.") from error
        size = f"{picture.width} × {picture.height} pixels, {len(data):,} bytes"
        return Outcome(f"{path}: {media_type}, {size}.", picture=picture)

    async def _load(self, path: str) -> bytes:
        data = await self._begin(path)
        _check_size(path, data)
        return data

    async def _begin(self, path: str) -> bytes:
        """All of a file that may be read as text, and of a larger one more than that."""
        stat = await self._supervisor.stat(path)
        if stat.is_dir:
            raise Refused(f"{path} is a folder; list it with bash, or use glob.")
        return await self._supervisor.read(path, limit_bytes=FILE_LIMIT_BYTES + 1)

    async def _load_if_there(self, path: str) -> bytes | None:
        try:
            return await self._load(path)
        except FileError as error:
            if error.name == "ENOENT":
                return None
            raise

    async def _store(self, path: str, text: str) -> None:
        data = text.encode()
        if len(data) > WRITE_LIMIT_BYTES:
            raise Refused(f"The content is {len(data):,} bytes; at most {WRITE_LIMIT_BYTES:,} can be written at once.")
        await self._supervisor.write(path, data)
        self._seen[path] = _digest(data)

    async def _check_fresh(self, path: str, data: bytes | None) -> None:
        seen = self._seen.get(path)
        if seen is not None and data is not None and seen != _digest(data):
            raise Refused(f"{path} changed since you last read it; read it again, then change it.")

    def _shown(self, text: str) -> str:
        return clean(self._redactor.text(text))


def _check_size(path: str, data: bytes) -> None:
    if len(data) > FILE_LIMIT_BYTES:
        raise Refused(f"{path} is larger than {FILE_LIMIT_BYTES:,} bytes; use bash to read or change parts of it.")


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _decoded(data: bytes, path: str) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError as exc:
        raise Refused(f"{path} is not a UTF-8 text file ({len(data):,} bytes); use bash to look into it.") from exc
    if "\0" in text:
        raise Refused(f"{path} is a binary file ({len(data):,} bytes); use bash to look into it.")
    return text


def _check_replaceable(given: EditInput, path: str, text: str, count: int) -> None:
    if given.old_text == given.new_text:
        raise Refused("old_text and new_text are the same; nothing would change.")
    if count == 0:
        ends = " The file's lines end in \\r\\n." if "\r\n" in text else ""
        raise Refused(f"old_text does not occur in {path}; read the file and copy the text exactly.{ends}")
    if count > 1 and not given.replace_all:
        raise Refused(f"old_text occurs {count} times in {path}; add lines around it, or set replace_all.")


def _page(lines: list[str], first: int, count: int) -> str:
    shown: list[str] = []
    room = _READ_CHARS
    for number, line in enumerate(lines[first - 1 : first - 1 + count], start=first):
        shown.append(_numbered(number, line))
        room -= len(shown[-1]) + 1
        if room <= 0:
            break
    last = first - 1 + len(shown)
    if last < len(lines):
        shown.append(f"[lines {first} to {last} of {len(lines)}; go on with first_line={last + 1}]")
    return "\n".join(shown)


def _around(lines: list[str], first: int, count: int) -> str:
    """Shows `count` lines from the one after `first`, with a few before and behind."""
    start, end = max(0, first - _LINES_AROUND), min(len(lines), first + count + _LINES_AROUND)
    return _page(lines[:end], start + 1, end - start) if end > start else "(the file is empty now)"


def _numbered(number: int, line: str) -> str:
    return f"{number:6}\t{line if len(line) <= LINE_CHARS else line[:LINE_CHARS] + ' [... line cut]'}"
