"""Every column that holds a sealed value: what a rotation of the keys goes through."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx


@dataclass(frozen=True)
class Column:
    """A column of sealed values. Its name begins with "sealed_"."""

    table: str
    name: str

    @property
    def select(self) -> str:
        """The values after one row, as `after` asks for them."""
        return f"""
            SELECT rowid, {self.name} FROM {self.table}
            WHERE rowid > :after AND {self.name} IS NOT NULL ORDER BY rowid LIMIT :limit
        """  # noqa: S608 - the names are those below

    @property
    def update(self) -> str:
        """One value for another, where it is still what it was."""
        return f"UPDATE {self.table} SET {self.name} = :new WHERE rowid = :row AND {self.name} = :old"  # noqa: S608 - as above


COLUMNS = (
    Column("users", "sealed_github_token"),
    Column("users", "sealed_github_refresh_token"),
    Column("installation_tokens", "sealed_token"),
    Column("git_credentials", "sealed_password"),
    Column("project_secrets", "sealed_value"),
)
"""A test compares them with the schema."""


@dataclass(frozen=True)
class Sealed:
    """One value, and the row that it stands in."""

    row: int
    value: str


@dataclass(frozen=True)
class Resealed:
    """The same value, sealed anew."""

    row: int
    old: str
    new: str


def after(column: Column, row: int, *, limit: int) -> Query[Sealed]:
    """The values of a column in rows after one, in the order of the rows."""
    return Query(column.select, _sealed, {"after": row, "limit": limit})


def replace(tx: Tx, column: Column, resealed: Sequence[Resealed]) -> None:
    """Keep these in place of what they were; one that has become another meanwhile stays."""
    tx.run_many(column.update, [{"row": each.row, "old": each.old, "new": each.new} for each in resealed])


def _sealed(row: sqlite3.Row) -> Sealed:
    return Sealed(row=row[0], value=row[1])
