"""Runners that an operator took out of service: nothing is offered to them."""

from tests.sim.breach import Breach
from tests.sim.invariants.ledger import Ledger

_OFFERED = """
    SELECT attempt_id, mode FROM attempts JOIN runners USING (runner_id)
    WHERE phase = 'offered' AND mode != 'active'
"""
_AT_WORK = "SELECT runner_id FROM runners WHERE mode = 'active'"


def check(ledger: Ledger) -> None:
    """After each commit: so from the answer to a cordon on, whose commit comes before it."""
    if found := ledger.one(_OFFERED):
        raise Breach("T42", f"{found[0]} is offered to a runner that is {found[1]}")


def at_work(ledger: Ledger) -> set[str]:
    """The runners that are not out of service."""
    return {row[0] for row in ledger.cursor.execute(_AT_WORK).fetchall()}
