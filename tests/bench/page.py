"""The figures of bench.json as a part of docs/measurements.md; the words around it are people's."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PAGE = Path("docs/measurements.md")
FIGURES = ("best", "median", "worst", "ratio")
COLUMNS = ("part", "", "best", "median", "worst", "unit", "against", "ratio", "goal")
BEGIN, END = "<!-- figures: written by `make bench PAGE=1` -->", "<!-- end of figures -->"


def write(parts: Mapping[str, Mapping[str, Any]], page: Path = PAGE) -> None:
    """Replaces the figures. Raises ValueError where the page has no place for them."""
    text = page.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no place for figures: {BEGIN!r}, and below it {END!r}")
    measured = "\n".join(_measured(name, part["machine"]) for name, part in parts.items())
    rows = "\n".join(_line(cells(name, row)) for name, part in parts.items() for row in part["rows"])
    head = f"{_line(COLUMNS)}\n{_line('--:' if name in FIGURES else '---' for name in COLUMNS)}"
    page.write_text(f"{before}{BEGIN}\n\n{measured}\n\n{head}\n{rows}\n\n{END}{after}")


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
