"""Planted in how money of a person's day is lent, counted and given back."""

from dataclasses import replace
from typing import Any

from errand_scheduler.lifecycle import money, raises, spending
from tests.sim.planted.planting import Undo, bug, put

_MONEY: Any = money


@bug
def _money_lent_twice() -> Undo:
    """What other tasks hold is lent again."""
    real = _MONEY.grant
    return put(money, grant=lambda account, **asked: real(replace(account, held=0), **asked))


@bug
def _lost_attempt_gives_money_back() -> Undo:
    real = spending.settle
    return put(spending, settle=lambda tx, attempt, *, told_all: real(tx, attempt, told_all=True))


@bug
def _raise_is_not_stored() -> Undo:
    """It is told, and forgotten."""
    tasks: Any = type("Tasks", (), {**vars(raises.tasks), "set_allowance": staticmethod(lambda *_: None)})  # type: ignore[attr-defined]
    return put(raises, tasks=tasks)
