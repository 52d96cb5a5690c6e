"""What a command prints: tables and words for people, JSON for scripts; nothing of it can move a terminal's cursor."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from errand_common import shapes
from errand_common.wire import Json

# Prompts, commands and what they print may hold anything: what a terminal would obey is left out.
_OBEYED = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


_GAP = "  "
# A last column that is narrower says nothing.
_LEAST = 12


def clean(text: str) -> str:
    """A text as it is shown: without what a terminal obeys, and with what looks like a token masked."""
    return shapes.masked(_OBEYED.sub("", text.replace("\r\n", "\n")))


def first_line(text: str, *, most: int = 100) -> str:
    """Its beginning, in one line."""
    return cut(next((line.strip() for line in clean(text).splitlines() if line.strip()), ""), most)


def cut(line: str, most: int) -> str:
    """No longer than that, and seen to be cut."""
    return line if len(line) <= most else f"{line[: most - 1]}…"


class _Screen(Console):
    """Where nobody reads any more that is told as such, and not by an exit code of rich's own."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Output:
    """Where a command's answer goes. `as_json`: one document, or one object a line, and nothing else on stdout."""

    def __init__(self, *, as_json: bool, console: Console | None = None) -> None:
        self.as_json = as_json
        self.console = console or _Screen(highlight=False, markup=False, soft_wrap=True)

    @property
    def is_live(self) -> bool:
        """Whether somebody looks at a terminal."""
        return not self.as_json and self.console.is_terminal

    def document(self, value: Mapping[str, Json]) -> None:
        """The whole answer, for scripts."""
        print(json.dumps(value, ensure_ascii=False, indent=2))

    def object(self, value: Mapping[str, Json]) -> None:
        """One of many, for scripts: at once, whoever reads."""
        print(json.dumps(value, ensure_ascii=False, separators=(",", ":")), flush=True)

    def done(self, value: Mapping[str, Json], words: str) -> None:
        """What was done, where there is nothing to show of it."""
        if self.as_json:
            self.document(value)
        else:
            self.say(words)

    def say(self, words: str, style: str = "") -> None:
        """A line for people."""
        self.console.print(Text(clean(words), style=style))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows under their names. What is no terminal gets them whole; on one the last column gives way, and what does
        not fit even so is told row by row: an id that is cut off is of no use."""
        shown = [[clean(cell) for cell in row] for row in rows]
        widths = [max(len(row[place]) for row in [columns, *shown]) for place in range(len(columns))]
        before = sum(widths[:-1]) + len(_GAP) * (len(columns) - 1)
        if not self.console.is_terminal:
            last = widths[-1]
        elif (left := self.console.width - before) >= min(widths[-1], _LEAST):
            last = min(left, widths[-1])
        else:
            self._one_by_one(columns, shown)
            return
        for number, line in enumerate([columns, *shown]):
            cells = [cell.ljust(width) for cell, width in zip(line[:-1], widths[:-1], strict=True)]
            words = _GAP.join([*cells, cut(line[-1], last)]).rstrip()
            self.console.print(Text(words, style="" if number else "bold"))

    def _one_by_one(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        for number, row in enumerate(rows):
            if number:
                self.console.print()
            self.fields([(name.lower(), cell) for name, cell in zip(columns, row, strict=True)])

    def fields(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Names and what they are; empty ones are left out."""
        known = [(name, clean(value)) for name, value in pairs if value]
        width = max((len(name) for name, _ in known), default=0)
        for name, value in known:
            self.console.print(Text.assemble((name.ljust(width), "bold"), "  ", value))


def say_no_more() -> None:
    """Nobody reads: Python's own flush at the end must not complain of it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(words: str) -> None:
    """What went wrong, for people, beside the answer."""
    for line in clean(words).splitlines():
        print(f"errand: {line}", file=sys.stderr)
