"""What was found, as a table for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from errand_runner.doctor.walls import Wall


class Verdict(StrEnum):
    """Advice never makes the host unfit."""

    HOLDS = "holds"
    MISSING = "MISSING"
    ADVICE = "advice"
    KNOWN = "-"


@dataclass(frozen=True)
class Finding:
    """One line; `more` is what it means and what to do, where there is something to do."""

    name: str
    tried: str
    found: str
    verdict: Verdict
    more: str = ""

    @classmethod
    def of_wall(cls, wall: Wall, *, held: bool, found: str) -> "Finding":
        """A wall that held, or did not."""
        if held:
            return cls(wall.name, wall.tried, found, Verdict.HOLDS)
        return cls(wall.name, wall.tried, found, Verdict.MISSING, wall.missing)


def table(findings: Sequence[Finding]) -> str:
    """All of it in columns, then what there is to do."""
    rows = [
        ("", "what", "tried to", "found"),
        *((each.verdict, each.name, each.tried, each.found) for each in findings),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join((*map(str.ljust, row[:3], widths), row[3])).rstrip() for row in rows]
    told = [f"{each.verdict}: {each.name}: {each.more}" for each in findings if each.more]
    missing = sum(each.verdict is Verdict.MISSING for each in findings)
    end = f"{missing} missing: do not run tasks here before that is mended" if missing else "every wall holds"
    return "\n".join((*lines, "", *told, *([""] if told else []), end))
