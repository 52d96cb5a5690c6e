"""One group of operations: committed together, or, when one of them fails, without that one."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from errand_common.errors import Unavailable
from errand_scheduler.store.notices import Notice
from errand_scheduler.store.transaction import Tx

Fn = Callable[[Tx], object]


@dataclass(frozen=True)
class Outcome:
    """What became of one operation; `notices` only where it was done."""

    result: object = None
    error: BaseException | None = None
    notices: Sequence[Notice] = ()


def commit_group(connection: sqlite3.Connection, fns: Sequence[Fn], now_us: int) -> list[Outcome]:
    """Run every operation in one transaction; where one raises, replay them with a savepoint each."""
    try:
        return _together(connection, fns, now_us)
    except Exception as exc:
        _roll_back(connection)
        if _disk_refuses(exc):
            return _all_failed(fns, exc)
        if len(fns) == 1:
            return [Outcome(error=exc)]
    try:
        return _one_by_one(connection, fns, now_us)
    except Exception as exc:
        _roll_back(connection)
        return _all_failed(fns, exc)


def _together(connection: sqlite3.Connection, fns: Sequence[Fn], now_us: int) -> list[Outcome]:
    connection.execute("BEGIN IMMEDIATE")
    outcomes = [_done(connection, fn, now_us) for fn in fns]
    connection.execute("COMMIT")
    return outcomes


def _one_by_one(connection: sqlite3.Connection, fns: Sequence[Fn], now_us: int) -> list[Outcome]:
    outcomes = []
    connection.execute("BEGIN IMMEDIATE")
    for fn in fns:
        connection.execute("SAVEPOINT operation")
        try:
            outcomes.append(_done(connection, fn, now_us))
        except Exception as exc:
            # A full disk rolls the whole transaction back by itself: then nobody's operation was done.
            if _disk_refuses(exc) or not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO operation")
            outcomes.append(Outcome(error=exc))
        connection.execute("RELEASE operation")
    connection.execute("COMMIT")
    return outcomes


def _done(connection: sqlite3.Connection, fn: Fn, now_us: int) -> Outcome:
    tx = Tx(connection, now_us)
    return Outcome(fn(tx), notices=tx.notices)


def _disk_refuses(error: Exception) -> bool:
    """Full, broken, locked or read-only. SQLITE_ERROR is a wrong statement: a bug of one operation."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR


def _all_failed(fns: Sequence[Fn], error: Exception) -> list[Outcome]:
    refused = Unavailable(f"the scheduler cannot write ({error}); nothing was changed; look at its disk")
    refused.__cause__ = error
    return [Outcome(error=refused) for _ in fns]


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
