"""What is measured: each row by name, with its unit, its samples and what it is held against."""

from dataclasses import dataclass, field
from statistics import median


@dataclass
class Row:
    """One figure. `peer` names the row of the same run that it is compared with, `goal` says what was aimed at."""

    name: str
    unit: str
    peer: str = ""
    goal: str = ""
    samples: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The best of the samples: what a noisy machine can do when nobody disturbs it."""
        return max(self.samples) if self.unit.endswith("/s") else min(self.samples)

    @property
    def worst(self) -> float:
        """The other end."""
        return min(self.samples) if self.unit.endswith("/s") else max(self.samples)

    @property
    def median(self) -> float:
        """The middle of the samples."""
        return median(self.samples)


@dataclass
class Table:
    """All rows of a run, in the order in which they were first measured."""

    rows: dict[str, Row] = field(default_factory=dict)

    def add(self, name: str, sample: float, *, unit: str, peer: str = "", goal: str = "") -> None:
        """One more sample of a row."""
        self.rows.setdefault(name, Row(name, unit, peer, goal)).samples.append(sample)

    def ratio(self, row: Row) -> float | None:
        """A row's best against its peer's; none without a peer."""
        return row.best / self.rows[row.peer].best if row.peer else None

    def as_json(self) -> list[dict[str, object]]:
        """For machines."""
        return [
            {
                "name": row.name,
                "unit": row.unit,
                "best": row.best,
                "median": row.median,
                "worst": row.worst,
                "samples": len(row.samples),
                "peer": row.peer or None,
                "ratio": self.ratio(row),
                "goal": row.goal or None,
            }
            for row in self.rows.values()
        ]
