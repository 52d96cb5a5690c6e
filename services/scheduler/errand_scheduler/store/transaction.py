"""What an operation is given: the transaction that it runs in."""

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from errand_common.clock import Instant
from errand_scheduler.store.appends import Append, Appends
from errand_scheduler.store.query import Params, Query

if TYPE_CHECKING:
    from errand_scheduler.store.notices import Notice

Row = TypeVar("Row")
T = TypeVar("T")


class Tx:
    """One operation's view of the open transaction. It may run twice: its only effects are through this object.

    Whoever opened the transaction settles its `appends` before the COMMIT.
    """

    def __init__(self, connection: sqlite3.Connection, now: Instant, appends: Appends) -> None:
        self._connection = connection
        self._appends = appends
        self.now = now
        self.now_us = now.wall_us
        self.notices: list[Notice] = []

    def one(self, query: Query[T]) -> T | None:
        """The first row of the answer, if there is one."""
        row = self._connection.execute(query.sql, query.params).fetchone()
        return None if row is None else query.of(row)

    def all(self, query: Query[T]) -> list[T]:
        """Every row of the answer."""
        return [query.of(row) for row in self._connection.execute(query.sql, query.params)]

    def run(self, sql: str, params: Params) -> int:
        """Run a statement that changes rows; returns how many it changed."""
        return self._connection.execute(sql, params).rowcount

    def insert(self, sql: str, params: Params) -> int:
        """Run an INSERT; returns the row's integer key."""
        return self._connection.execute(sql, params).lastrowid or 0

    def run_many(self, sql: str, rows: Iterable[Params]) -> None:
        """Run one statement for many rows."""
        self._connection.executemany(sql, rows)

    def waiting(self, append: Append[Row]) -> list[Row]:
        """The rows of the transaction that are still to be written so, to be added to."""
        return self._appends.waiting(append)

    def settle(self) -> None:
        """Write the rows that are still to be written, so that they can be read and referred to."""
        self._appends.settle()

    def notice(self, notice: "Notice") -> None:
        """Have the rest of the process told, once this is committed."""
        self.notices.append(notice)
