"""Looking around in a sandbox: folders listed, files found by name or content."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from errand_runner.sandbox import frames
from errand_runner.sandbox.answers import Chunk, Exit, FileError, Taken, error_of, taken_of
from errand_runner.sandbox.frames import BrokenFrame, Frame
from errand_runner.sandbox.line import Line

# Of one answer; the sandbox is asked for no more than fits.
_ANSWER_BYTES = 8 * 1024 * 1024

# The same as in guest/look.py.
LINE_CHARS = 500

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """One name in a folder; `kind` is file, folder, link or other."""

    name: str
    kind: str
    size_bytes: int


@dataclass(frozen=True)
class Match:
    """A line, counted from 1, that a pattern was found in; a long one is cut. `path` is below the folder searched."""

    path: str
    line: int
    text: str


@dataclass(frozen=True)
class Found(Generic[T]):
    """The first of what was found, and whether there is more."""

    items: list[T]
    more: bool


class Look:
    """Each search is a process of its own and ends at its time.

    Raises SandboxGone, and FileError: ETIME where the time was too short, otherwise as the kernel said.
    """

    def __init__(self, line: Line) -> None:
        self._line = line

    async def list_folder(self, path: str, *, limit: int = 1000, timeout_s: float = 20) -> Found[Entry]:
        """What lies in a folder, by name."""
        request: dict[str, object] = {"look": "list", "path": path, "most": limit}
        return await self._look(request, timeout_s, _entry_of)

    async def glob(
        self, pattern: str, *, path: str, limit: int = 1000, timeout_s: float = 20, with_ignored: bool = True
    ) -> Found[str]:
        """The files below a folder whose paths match: `*`, `?`, `[ab]`, `{one,two}`, and `**` for any folders between.

        A pattern without a slash is about names alone. What lies in `.git` is left out, and what git ignores where that
        is wanted, unless all that lies below is ignored. A folder's own files come before those of its folders.
        """
        request: dict[str, object] = {"look": "glob", "path": path, "pattern": pattern, "most": limit}
        return await self._look(request | {"ignored": with_ignored}, timeout_s, lambda frame: frame.text("path"))

    async def grep(
        self,
        pattern: str,
        *,
        path: str,
        glob: str = "",
        limit: int = 1000,
        timeout_s: float = 20,
        with_ignored: bool = True,
        once: bool = False,
    ) -> Found[Match]:
        """The lines below a folder, or in a file, that a regular expression of Python is found in; `once`: the first
        of each file.

        Binary files and what lies in `.git` are left out, and of large files the end. FileError EINVAL: a bad pattern.
        """
        request: dict[str, object] = {"look": "grep", "path": path, "pattern": pattern, "glob": glob, "most": limit}
        return await self._look(request | {"ignored": with_ignored, "once": once}, timeout_s, _match_of)

    async def checkpoint(
        self,
        path: str,
        *,
        branch: str,
        at_host: Sequence[str],
        message: str,
        file_bytes: int,
        total_bytes: int,
        timeout_s: float,
    ) -> Taken:
        """The whole working tree of a repository as a commit, which nothing refers to; its index and refs stay.

        `at_host` are refs that the git host has the content of, the last checkpoint the first of them: none is made
        where they have it all. Of what is not committed, files over `file_bytes` are left out, and the largest above
        `total_bytes` together.
        """
        request: dict[str, object] = {
            "look": "checkpoint",
            "path": path,
            "branch": branch,
            "at_host": list(at_host),
            "message": message,
            "file_bytes": file_bytes,
            "total_bytes": total_bytes,
            "most": 1,
        }
        found = await self._look(request, timeout_s, taken_of)
        if not found.items:
            raise self._line.fail("the supervisor tells nothing of a checkpoint")
        return found.items[0]

    async def _look(self, request: dict[str, object], timeout_s: float, parse: Callable[[Frame], T]) -> Found[T]:
        *found, last = await self._run(request, timeout_s)
        try:
            if len(found) > cast(int, request["most"]):
                raise BrokenFrame("more was found than was asked for")
            return Found([parse(each) for each in found], last.flag("more"))
        except BrokenFrame as exc:
            raise self._line.fail(str(exc)) from exc

    async def _run(self, request: dict[str, object], timeout_s: float) -> list[Frame]:
        """The lines that it says, the last of them about whether there is more."""
        head: dict[str, object] = {
            "op": "run",
            "look": request,
            "argv": [str(request["look"])],
            "cwd": "/",
            "env": {},
            "silence_s": None,
            "note": "",
            "keep": "",
            "live": 0,
        }
        said = bytearray()
        async with aclosing(self._line.follow(head, b"", timeout_s=timeout_s)) as items:
            async for item in items:
                if isinstance(item, Chunk):
                    said += item.data
                    if len(said) > _ANSWER_BYTES:
                        raise self._line.fail(f"the supervisor found more than {_ANSWER_BYTES} bytes")
                elif isinstance(item, Exit) and item.timed_out:
                    raise FileError("ETIME", f"not done within {timeout_s:g} s; look in fewer files")
                elif isinstance(item, Exit) and item.code != 0:
                    raise FileError("EIO", "the search was killed")
        try:
            found = [Frame(frames.parse(line), b"") for line in bytes(said).splitlines()]
            if not found:
                raise BrokenFrame("a search that says nothing")
            if "errno" in found[-1].head:
                raise error_of(found[-1])
        except BrokenFrame as exc:
            raise self._line.fail(str(exc)) from exc
        return found


def _entry_of(frame: Frame) -> Entry:
    return Entry(frame.text("name"), frame.text("kind"), frame.whole("size"))


def _match_of(frame: Frame) -> Match:
    return Match(frame.text("path"), frame.whole("line"), frame.text("text"))
