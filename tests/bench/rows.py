"""What is measured: each row by name, with its unit, its samples and what it is held against."""

from dataclasses import dataclass, field
from statistics import median


@dataclass
class Row:
    """One figure. `peer` names the row of the same run that it is compared with."""

    name: str
    unit: str
    peer: str = ""
    samples: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle of the samples; machines are noisy, so nothing else is quoted."""
        return median(self.samples)


@dataclass
class Table:
    """All rows of a run, in the order in which they were first measured."""

    rows: dict[str, Row] = field(default_factory=dict)

    def add(self, name: str, sample: float, *, unit: str, peer: str = "") -> None:
        """One more sample of a row."""
        self.rows.setdefault(name, Row(name, unit, peer)).samples.append(sample)

    def ratio(self, row: Row) -> float | None:
        """A row's median against its peer's; none without a peer."""
        return row.median / self.rows[row.peer].median if row.peer else None

    def as_json(self) -> list[dict[str, object]]:
        """For machines."""
        return [
            {
                "name": row.name,
                "unit": row.unit,
                "median": row.median,
                "min": min(row.samples),
                "max": max(row.samples),
                "samples": len(row.samples),
                "peer": row.peer or None,
                "ratio": self.ratio(row),
            }
            for row in self.rows.values()
        ]
