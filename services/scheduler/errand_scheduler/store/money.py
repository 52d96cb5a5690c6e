"""Money of people's days: what attempts cost on each, and what those that live drew of it. All in nano-dollars."""

import sqlite3
from dataclasses import dataclass

from errand_scheduler.store import tasks
from errand_scheduler.store.query import Query, number
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx

DAY_US = 24 * 60 * 60 * 1_000_000
"""A day of the wall clock."""


@dataclass(frozen=True)
class Day:
    """Of a user's day: what is spent, and what attempts hold of it, drawn and not spent."""

    spent: int
    held: int


@dataclass(frozen=True)
class Account:
    """A day as one attempt finds it: `held` is by others; `cost` is what the attempt came to, over all days, `drawn` up
    to what it may come."""

    spent: int
    held: int
    cost: int
    drawn: int


def day_at(now_us: int) -> int:
    """The day on which an instant lies, counted from 1970 in UTC."""
    return now_us // DAY_US


def day_of(user_id: str, *, day: int) -> Query[Day]:
    """A user's day, counted from 1970 in UTC."""
    return Query(
        """
        SELECT
            (SELECT coalesce(sum(nanodollars), 0) FROM spending WHERE user_id = :user_id AND day = :day) AS spent,
            (SELECT coalesce(sum(nanodollars), 0) FROM holdings WHERE user_id = :user_id) AS held
        """,
        lambda row: Day(row["spent"], row["held"]),
        {"user_id": user_id, "day": day},
    )


def account_of(attempt_id: str, *, user_id: str, day: int) -> Query[Account]:
    """The same for one of the user's attempts."""
    return Query(
        """
        SELECT
            (SELECT coalesce(sum(nanodollars), 0) FROM spending WHERE user_id = :user_id AND day = :day) AS spent,
            (
                SELECT coalesce(sum(nanodollars), 0)
                FROM holdings
                WHERE user_id = :user_id AND attempt_id != :attempt_id
            ) AS held,
            (SELECT coalesce(sum(nanodollars), 0) FROM spending WHERE attempt_id = :attempt_id) AS cost,
            coalesce((SELECT nanodollars FROM draws WHERE attempt_id = :attempt_id), 0) AS drawn
        """,
        _account,
        {"attempt_id": attempt_id, "user_id": user_id, "day": day},
    )


def cost_of(attempt_id: str) -> Query[int]:
    """What the attempt came to."""
    return Query(
        "SELECT coalesce(sum(nanodollars), 0) FROM spending WHERE attempt_id = :attempt_id",
        number,
        {"attempt_id": attempt_id},
    )


def held_by(attempt_id: str) -> Query[int]:
    """What the attempt drew and did not spend; no row where it drew nothing."""
    return Query("SELECT nanodollars FROM holdings WHERE attempt_id = :attempt_id", number, {"attempt_id": attempt_id})


def waiting_for_a_day() -> Query[Task]:
    """The tasks that go on by themselves once there is money of a day again."""
    return Query(
        f"{tasks.SELECT} WHERE status = 'waiting' AND wait_reason = 'allowance' AND resume_time IS NOT NULL",
        tasks.of_row,
    )


def spend(tx: Tx, attempt_id: str, *, user_id: str, day: int, nanodollars: int) -> None:
    """Add to what the attempt cost on a day."""
    tx.run(
        """
        INSERT INTO spending (attempt_id, day, user_id, nanodollars)
        VALUES (:attempt_id, :day, :user_id, :nanodollars)
        ON CONFLICT (attempt_id, day) DO UPDATE SET nanodollars = nanodollars + excluded.nanodollars
        """,
        {"attempt_id": attempt_id, "day": day, "user_id": user_id, "nanodollars": nanodollars},
    )


def set_drawn(tx: Tx, attempt_id: str, *, user_id: str, nanodollars: int) -> None:
    """Store up to what the attempt may come."""
    tx.run(
        """
        INSERT INTO draws (attempt_id, user_id, nanodollars)
        VALUES (:attempt_id, :user_id, :nanodollars)
        ON CONFLICT (attempt_id) DO UPDATE SET nanodollars = excluded.nanodollars
        """,
        {"attempt_id": attempt_id, "user_id": user_id, "nanodollars": nanodollars},
    )


def give_back(tx: Tx, attempt_id: str) -> None:
    """The attempt holds nothing any more."""
    tx.run("DELETE FROM draws WHERE attempt_id = :attempt_id", {"attempt_id": attempt_id})


def _account(row: sqlite3.Row) -> Account:
    return Account(spent=row["spent"], held=row["held"], cost=row["cost"], drawn=row["drawn"])
