"""The figures of bench.json as a part of docs/measurements.md; the words around it are people's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGE = Path("docs/measurements.md")
BEGIN, END = "<!-- figures: written by `make bench PAGE=1` -->", "<!-- end of figures -->"


def write(parts: Mapping[str, Mapping[str, Any]], page: Path = PAGE) -> None:
    """Replaces the figures. Raises ValueError where the page has no place for them."""
    text = page.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no place for figures: {BEGIN!r}, and below it {END!r}")
    tables = "\n\n".join(_table(name, part) for name, part in parts.items())
    page.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}")


def _table(name: str, part: Mapping[str, Any]) -> str:
    machine = part["machine"]
    about = f"{machine['time'][:10]}, {machine['cores']} cores, Linux {machine['kernel']}, Python {machine['python']}"
    rows = "\n".join(map(_row, part["rows"]))
    return (
        f"### {name}\n\n`make bench ONLY={name}`: {about}.\n\n"
        "| | best | median | worst | unit | against | ratio | goal |\n|---|--:|--:|--:|---|---|--:|---|\n"
        f"{rows}"
    )


def _row(row: Mapping[str, Any]) -> str:
    figures = (figure(row[each]) for each in ("best", "median", "worst"))
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
    return f"| {' | '.join((row['name'], *figures, row['unit'], row['peer'] or '', ratio, row['goal'] or ''))} |"


def figure(value: float) -> str:
    """Three digits that count."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
