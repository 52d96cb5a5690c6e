"""Every column that holds a sealed value: what a rotation of the keys goes through."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx


@dataclass(frozen=True)
class Column:
    """A column of sealed values, and how to go through it. Its name begins with "sealed_"."""

    table: str
    name: str
    select: str
    update: str


COLUMNS = (
    Column(
        table="users",
        name="sealed_github_token",
        select="""
            SELECT rowid, sealed_github_token FROM users
            WHERE rowid > :after AND sealed_github_token IS NOT NULL ORDER BY rowid LIMIT :limit
        """,
        update="UPDATE users SET sealed_github_token = :new WHERE rowid = :row AND sealed_github_token = :old",
    ),
    Column(
        table="users",
        name="sealed_github_refresh_token",
        select="""
            SELECT rowid, sealed_github_refresh_token FROM users
            WHERE rowid > :after AND sealed_github_refresh_token IS NOT NULL ORDER BY rowid LIMIT :limit
        """,
        update="""
            UPDATE users SET sealed_github_refresh_token = :new
            WHERE rowid = :row AND sealed_github_refresh_token = :old
        """,
    ),
    Column(
        table="installation_tokens",
        name="sealed_token",
        select="""
            SELECT rowid, sealed_token FROM installation_tokens
            WHERE rowid > :after ORDER BY rowid LIMIT :limit
        """,
        update="UPDATE installation_tokens SET sealed_token = :new WHERE rowid = :row AND sealed_token = :old",
    ),
    Column(
        table="git_credentials",
        name="sealed_password",
        select="""
            SELECT rowid, sealed_password FROM git_credentials
            WHERE rowid > :after ORDER BY rowid LIMIT :limit
        """,
        update="UPDATE git_credentials SET sealed_password = :new WHERE rowid = :row AND sealed_password = :old",
    ),
    Column(
        table="project_secrets",
        name="sealed_value",
        select="""
            SELECT rowid, sealed_value FROM project_secrets
            WHERE rowid > :after ORDER BY rowid LIMIT :limit
        """,
        update="UPDATE project_secrets SET sealed_value = :new WHERE rowid = :row AND sealed_value = :old",
    ),
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
