"""Rows that are only ever added: those of one transaction are written together, by one statement for each table."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from errand_scheduler.store.query import Params

Row = TypeVar("Row")


@dataclass(frozen=True)
class Append(Generic[Row]):
    """The statement that adds rows to a table, and its parameters for these."""

    sql: str
    params: Callable[[Sequence[Row]], Params]


class Appends:
    """What waits to be written, of all operations of a transaction."""

    # Each statement lets other threads have the interpreter, and waits to get it back: what that takes is most of what
    # a row costs while the event loop is busy.

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._waiting: dict[Append[Any], list[Any]] = {}

    def waiting(self, append: Append[Row]) -> list[Row]:
        """The rows that wait, to be added to."""
        return self._waiting.setdefault(append, [])

    def settle(self) -> None:
        """Write what waits: before it is committed, read, or referred to."""
        waiting, self._waiting = self._waiting, {}
        for append, rows in waiting.items():
            if rows:
                self._connection.execute(append.sql, append.params(rows))
