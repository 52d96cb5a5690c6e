"""What a command prints: tables and words for people, JSON for scripts; nothing of it can move a terminal's cursor."""

import json
import re
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from errand_common import shapes
from errand_common.wire import Json

# Prompts, commands and what they print may hold anything: what a terminal would obey is left out.
_OBEYED = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """A text as it is shown: without what a terminal obeys, and with what looks like a token masked."""
    return shapes.masked(_OBEYED.sub("", text.replace("\r\n", "\n")))


def first_line(text: str, *, most: int = 100) -> str:
    """Its beginning, in one line."""
    line = next((line.strip() for line in clean(text).splitlines() if line.strip()), "")
    return line if len(line) <= most else f"{line[: most - 1]}…"


class Output:
    """Where a command's answer goes. `as_json`: one document, or one object a line, and nothing else on stdout."""

    def __init__(self, *, as_json: bool, console: Console | None = None) -> None:
        self.as_json = as_json
        self.console = console or Console(highlight=False, markup=False, soft_wrap=True)

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
        """Rows under their names. What is no terminal gets them whole, in columns of two spaces' distance."""
        shown = [[clean(cell) for cell in row] for row in rows]
        if self.console.is_terminal:
            table = Table(box=None, pad_edge=False, header_style="bold")
            for name in columns:
                table.add_column(name, overflow="ellipsis", no_wrap=True)
            for row in shown:
                table.add_row(*(Text(cell) for cell in row))
            self.console.print(table, soft_wrap=False)
            return
        widths = [max(len(row[place]) for row in [columns, *shown]) for place in range(len(columns))]
        for line in [columns, *shown]:
            print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

    def fields(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Names and what they are; empty ones are left out."""
        known = [(name, clean(value)) for name, value in pairs if value]
        width = max((len(name) for name, _ in known), default=0)
        for name, value in known:
            self.console.print(Text.assemble((name.ljust(width), "bold"), "  ", value))


def complain(words: str) -> None:
    """What went wrong, for people, beside the answer."""
    for line in clean(words).splitlines():
        print(f"errand: {line}", file=sys.stderr)
