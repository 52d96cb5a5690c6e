"""What an attempt costs counts to its person's day, and so does what nobody can tell that it did not cost."""

from errand_scheduler.store import money
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.money import day_at
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.usage import Usage


def count(tx: Tx, attempt: Attempt, used: Usage) -> None:
    """Count what a live attempt used, on the day on which that is stored. A cost that is unknown counts as all that
    was drawn for it."""
    cost = used.cost_nanodollars
    _spend(tx, attempt, tx.one(money.held_by(attempt.attempt_id)) or 0 if cost is None else cost)


def begin_anew(tx: Tx, attempt: Attempt) -> None:
    """A runner takes an attempt up: what it holds was drawn by an earlier process, which may have spent it and did not
    live to tell."""
    _spend(tx, attempt, tx.one(money.held_by(attempt.attempt_id)) or 0)


def settle(tx: Tx, attempt: Attempt, *, told_all: bool) -> None:
    """Take back what an attempt that ends drew and did not spend. Where it has not told all that it did, all of it may
    be spent, and counts so."""
    held = tx.one(money.held_by(attempt.attempt_id))
    if held is None:
        return
    if not told_all:
        _spend(tx, attempt, held)
    money.give_back(tx, attempt.attempt_id)


def _spend(tx: Tx, attempt: Attempt, nanodollars: int) -> None:
    if nanodollars:
        money.spend(tx, attempt.attempt_id, user_id=attempt.user_id, day=day_at(tx.now_us), nanodollars=nanodollars)
