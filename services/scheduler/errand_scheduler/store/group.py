"""One group of operations: committed together, or, when one of them fails, without that one."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from errand_common.clock import Instant
from errand_common.errors import Unavailable
from errand_scheduler.store.appends import Appends
from errand_scheduler.store.notices import Notice
from errand_scheduler.store.transaction import Tx

Fn = Callable[[Tx], object]

RETRY_AFTER = timedelta(seconds=5)
"""When to come back to a disk that refuses."""
_SHM_FULL = sqlite3.SQLITE_IOERR_SHMSIZE  # the log's index could not grow


class DiskFull(Unavailable):
    """There is no room; once there is, writing goes on."""


class DiskBroken(Unavailable):
    """The disk failed: what it holds must be read anew before anything is written to it."""


@dataclass(frozen=True)
class Outcome:
    """What became of one operation; `notices` only where it was done."""

    result: object = None
    error: BaseException | None = None
    notices: Sequence[Notice] = ()


def commit_group(connection: sqlite3.Connection, fns: Sequence[Fn], now: Instant) -> list[Outcome]:
    """Run every operation in one transaction; where one raises, replay them with a savepoint each.

    Where the disk refuses, nothing of the group was done, and every operation fails: DiskFull, DiskBroken, or plain
    Unavailable where another try may do.
    """
    try:
        return _together(connection, fns, now)
    except Exception as exc:
        _roll_back(connection)
        if _disk_refuses(exc):
            return _all_failed(fns, exc)
        if len(fns) == 1:
            return [Outcome(error=exc)]
    try:
        return _one_by_one(connection, fns, now)
    except Exception as exc:
        _roll_back(connection)
        return _all_failed(fns, exc)


def refusal(error: Exception) -> Unavailable:
    """What callers are told of a disk that refuses."""
    refused = _kind(error)(
        f"the scheduler cannot write ({error}); nothing was changed; look at its disk", retry_after=RETRY_AFTER
    )
    refused.__cause__ = error
    return refused


def _together(connection: sqlite3.Connection, fns: Sequence[Fn], now: Instant) -> list[Outcome]:
    connection.execute("BEGIN IMMEDIATE")
    appends = Appends(connection)
    outcomes = [_done(Tx(connection, now, appends), fn) for fn in fns]
    appends.settle()
    connection.execute("COMMIT")
    return outcomes


def _one_by_one(connection: sqlite3.Connection, fns: Sequence[Fn], now: Instant) -> list[Outcome]:
    outcomes = []
    connection.execute("BEGIN IMMEDIATE")
    for fn in fns:
        connection.execute("SAVEPOINT operation")
        try:
            appends = Appends(connection)
            outcome = _done(Tx(connection, now, appends), fn)
            appends.settle()
            outcomes.append(outcome)
        except Exception as exc:
            # A full disk rolls the whole transaction back by itself: then nobody's operation was done.
            if _disk_refuses(exc) or not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO operation")
            outcomes.append(Outcome(error=exc))
        connection.execute("RELEASE operation")
    connection.execute("COMMIT")
    return outcomes


def _done(tx: Tx, fn: Fn) -> Outcome:
    return Outcome(fn(tx), notices=tx.notices)


def _disk_refuses(error: Exception) -> bool:
    """Full, broken, locked or read-only. SQLITE_ERROR is a wrong statement: a bug of one operation."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR


def _kind(error: Exception) -> type[Unavailable]:
    code = error.sqlite_errorcode if isinstance(error, sqlite3.Error) else sqlite3.SQLITE_ERROR
    if code in (sqlite3.SQLITE_FULL, _SHM_FULL):
        return DiskFull
    return DiskBroken if code & 0xFF == sqlite3.SQLITE_IOERR else Unavailable


def _all_failed(fns: Sequence[Fn], error: Exception) -> list[Outcome]:
    refused = refusal(error)
    return [Outcome(error=refused) for _ in fns]


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
