"""The figures of bench.json as a part of docs/measurements.md; the words around it are people's."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PAGE = Path("docs/measurements.md")
FIGURES = ("best", "median", "worst", "ratio")
COLUMNS = ("part", "", "best", "median", "worst", "unit", "against", "ratio", "goal")
BEGIN, END = "<!-- figures: written by `make bench PAGE=1` -->", "<!-- end of figures -->"


def write(parts: Mapping[str, Mapping[str, Any]], page: Path = PAGE) -> None:
    """Replaces the figures of these parts, and leaves those of others. Raises ValueError where the page has no place
    for them."""
    text = page.read_text()
    before, begin, rest = text.partition(BEGIN)
    figures, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no place for figures: {BEGIN!r}, and below it {END!r}")
    lines = _lines_of(figures)
    for name, part in parts.items():
        lines[name] = [_measured(name, part["machine"]), *(_line(cells(name, row)) for row in part["rows"])]
    measured = "\n".join(each for each, *_ in lines.values())
    rows = "\n".join(row for _, *part in lines.values() for row in part)
    head = f"{_line(COLUMNS)}\n{_line('--:' if name in FIGURES else '---' for name in COLUMNS)}"
    page.write_text(f"{before}{BEGIN}\n\n{measured}\n\n{head}\n{rows}\n\n{END}{after}")


def _lines_of(figures: str) -> dict[str, list[str]]:
    """Of each part in the order of the page: the line that tells when it was measured, then its rows."""
    lines: dict[str, list[str]] = {}
    for line in figures.splitlines():
        if told := re.search(r"^- .*ONLY=(\w+)`$", line):
            lines[told[1]] = [line]
        elif (row := re.match(r"\| (\w+) \|", line)) and row[1] in lines:
            lines[row[1]].append(line)
    return lines


def cells(part: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of bench.json in words, for COLUMNS."""
    figures = (_figure(row[each]) for each in ("best", "median", "worst"))
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
    return part, row["name"], *figures, row["unit"], row["peer"] or "", ratio, row["goal"] or ""


def _measured(name: str, machine: Mapping[str, Any]) -> str:
    about = f"{machine['cores']} cores, Linux {machine['kernel']}, Python {machine['python']}"
    return f"- {machine['time'][:10]}, {about}: `make bench ONLY={name}`"


def _line(words: Iterable[str]) -> str:
    return f"| {' | '.join(words)} |"


def _figure(value: float) -> str:
    """Three digits that count."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
