"""The page of figures is written part by part."""

from pathlib import Path
from typing import Any

from tests.bench import page


def part(*figures: float, day: str) -> dict[str, Any]:
    machine = {"time": f"{day}T12:00:00Z", "cores": 2, "kernel": "6.1", "python": "3.11"}
    row = {"name": "a turn", "median": 2, "worst": 3, "unit": "ms", "peer": None, "ratio": None, "goal": None}
    return {"machine": machine, "rows": [row | {"best": best} for best in figures]}


def test_a_part_that_was_measured_alone_leaves_the_others(tmp_path: Path) -> None:
    written = tmp_path / "measurements.md"
    written.write_text(f"before\n\n{page.BEGIN}\n{page.END}\n\nafter\n")
    page.write({"agent": part(7, day="2026-01-01"), "git": part(8, day="2026-01-01")}, written)
    page.write({"agent": part(4, 5, day="2026-01-02")}, written)
    lines = written.read_text().splitlines()
    assert [line.split()[1] for line in lines if "ONLY=" in line] == ["2026-01-02,", "2026-01-01,"]
    rows = [line.split(" | ") for line in lines if "a turn" in line]
    assert [(row[0], row[2]) for row in rows] == [("| agent", "4"), ("| agent", "5"), ("| git", "8")]
    assert (lines[0], lines[-1]) == ("before", "after")
