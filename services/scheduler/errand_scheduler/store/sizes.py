"""How large the rows of a page are, asked before any of them is read."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """A row's place and the bytes of its content."""

    event_id: int
    content_bytes: int


def size(row: sqlite3.Row) -> Size:
    """The size that a row tells."""
    return Size(event_id=row["event_id"], content_bytes=row["bytes"])


def fitting(sizes: Sequence[Size], *, limit_bytes: int) -> int:
    """The place of the last row of a page of at most `limit_bytes`, never an empty page; `sizes` is not empty."""
    last, total = sizes[0].event_id, 0
    for each in sizes:
        total += each.content_bytes
        if total > limit_bytes:
            break
        last = each.event_id
    return last
