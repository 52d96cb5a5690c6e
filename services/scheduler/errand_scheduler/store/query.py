"""A question to the database: asked the same way inside a transaction and by the readers."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

T_co = TypeVar("T_co", covariant=True)
SqlValue = None | int | float | str | bytes
Params = Mapping[str, SqlValue]
_NONE: Params = {}


class Query(NamedTuple, Generic[T_co]):
    """The statement, its named parameters, and what one row of the answer becomes."""

    # A tuple: one is made for each question, and a frozen dataclass takes four times as long to make.

    sql: str
    of: Callable[[sqlite3.Row], T_co]
    params: Params = _NONE


def number(row: sqlite3.Row) -> int:
    """The single integer of a row."""
    return int(row[0])
