"""Where a page of a newest-first list begins."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """The last row of the page before."""

    time_us: int
    key: str


TOP = Place(time_us=2**63 - 1, key="")
"""Before the newest row."""
