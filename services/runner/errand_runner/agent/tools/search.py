"""The search tools: glob, grep."""

import posixpath
from collections.abc import Iterable
from itertools import groupby

from errand_runner.agent.redact import Redactor, StreamRedactor
from errand_runner.agent.tools.definitions import GlobInput, GrepInput
from errand_runner.agent.tools.definitions.search import MOST_FILES, MOST_LINES
from errand_runner.agent.tools.outcome import Outcome
from errand_runner.agent.tools.paths import absolute
from errand_runner.agent.tools.stream import clean
from errand_runner.sandbox.look import LINE_CHARS, Found, Match
from errand_runner.sandbox.supervisor import Supervisor

_MOST_CHARS = 30_000
_TIME_S = 30.0


class Search:
    """Looks for files and lines; each search is bounded in time and in what it gives."""

    def __init__(self, supervisor: Supervisor, redactor: Redactor) -> None:
        self._look = supervisor.look
        self._redactor = redactor

    async def glob(self, given: GlobInput, *, folder: str) -> Outcome:
        """Gives paths as `given.path` begins them; `folder` is what a relative one starts from, here and below."""
        found = await self._look.glob(
            given.pattern,
            path=absolute(given.path, folder),
            limit=MOST_FILES,
            timeout_s=_TIME_S,
            with_ignored=given.with_ignored,
        )
        return Outcome(_listed(given.path, given, found))

    async def grep(self, given: GrepInput, *, folder: str) -> Outcome:
        """Gives lines under the paths of their files, or the paths alone."""
        found = await self._look.grep(
            given.pattern,
            path=absolute(given.path, folder),
            glob=given.glob or "",
            limit=MOST_LINES,
            timeout_s=_TIME_S,
            with_ignored=given.with_ignored,
            once=given.files_only,
        )
        if given.files_only:
            paths = list(dict.fromkeys(match.path for match in found.items))
            return Outcome(_listed(given.path, given, Found(paths, found.more)))
        lines = [
            line
            for path, matches in groupby(found.items, key=lambda match: match.path)
            for line in (_joined(given.path, path), *map(self._line, matches))
        ]
        return Outcome(_bounded(lines, given, more=f"more than {MOST_LINES} lines match" if found.more else ""))

    def _line(self, match: Match) -> str:
        text = match.text.rstrip("\r")
        if len(match.text) >= LINE_CHARS:
            # It was cut, and may end with the beginning of a secret.
            text = StreamRedactor(self._redactor).feed(text) + " [... line cut]"
        return f"{match.line:6}\t{clean(text)}"


def _listed(root: str, given: GlobInput | GrepInput, found: Found[str]) -> str:
    more = f"more than {MOST_FILES} files match" if found.more else ""
    return _bounded([_joined(root, path) for path in found.items], given, more=more)


def _joined(root: str, path: str) -> str:
    """As `read` takes it; a path of one line."""
    return clean(posixpath.normpath(posixpath.join(root, path))).replace("\n", "?")


def _bounded(lines: Iterable[str], given: GlobInput | GrepInput, *, more: str) -> str:
    """The lines that there is room for, and a word where that is not all."""
    shown, room = [], _MOST_CHARS
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            more = f"only the first {_MOST_CHARS:,} characters are given"
            break
        shown.append(line)
    if not shown:
        aside = "" if given.with_ignored else " What git ignores was left out."
        return f"Nothing matches {given.pattern} in {given.path}.{aside}"
    if more:
        shown.append(f"[{more}; narrow pattern{', glob' if isinstance(given, GrepInput) else ''} or path]")
    return "\n".join(shown)
