"""A question to the database: asked the same way inside a transaction and by the readers."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)
SqlValue = None | int | float | str | bytes
Params = Mapping[str, SqlValue]


@dataclass(frozen=True)
class Query(Generic[T_co]):
    """The statement, its named parameters, and what one row of the answer becomes."""

    sql: str
    of: Callable[[sqlite3.Row], T_co]
    params: Params = field(default_factory=dict)


def number(row: sqlite3.Row) -> int:
    """The single integer of a row."""
    return int(row[0])
