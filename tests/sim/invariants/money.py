"""Of a person's day no more is lent than there is, and what was billed is counted."""

from errand_scheduler.store.money import DAY_US
from tests.sim.breach import Breach
from tests.sim.invariants.ledger import Ledger

_DAYS = """
    SELECT user_id, sum(spent), sum(held) FROM (
        SELECT user_id, nanodollars AS spent, 0 AS held FROM spending WHERE day = :day
        UNION ALL
        SELECT user_id, 0, nanodollars FROM holdings
    )
    GROUP BY user_id
"""
_OPEN = """
    SELECT attempt_id FROM draws JOIN attempts USING (attempt_id)
    WHERE phase NOT IN ('accepted', 'starting', 'running', 'stopping')
"""
_COUNTED = """
    SELECT attempts.attempt_id, phase, coalesce(sum(nanodollars), 0)
    FROM attempts
    LEFT JOIN spending USING (attempt_id)
    GROUP BY attempts.attempt_id
"""


class Money:
    """What the model's service bills is known here at once. `limit` is of a day; 0: none."""

    def __init__(self, ledger: Ledger, *, limit: int) -> None:
        self._ledger, self._limit = ledger, limit
        self._billed: dict[str, int] = {}

    def billed(self, attempt_id: str, nanodollars: int) -> None:
        """A request begins that costs so much; less than nothing: it was given up, and costs nothing."""
        self._billed[attempt_id] = self._billed.get(attempt_id, 0) + nanodollars

    def check(self, now_us: int) -> None:
        """After a commit."""
        if not self._limit:
            return
        cursor = self._ledger.cursor
        if not self._ledger.clock_jumped:
            for user_id, spent, held in cursor.execute(_DAYS, {"day": now_us // DAY_US}).fetchall():
                if spent + held > self._limit:
                    raise Breach("money", f"{user_id} spent {spent} of {self._limit} and is lent {held} more")
        if left := cursor.execute(_OPEN).fetchall():
            raise Breach("money", f"{left[0][0]} is over, and is lent money still")
        if self._ledger.restored_s is not None or self._ledger.cloned:
            # What is billed in a history that is put away, nobody counts; nor what a copy of a runner spends.
            return
        for attempt_id, phase, counted in cursor.execute(_COUNTED).fetchall():
            billed = self._billed.get(attempt_id, 0)
            if billed > counted and phase not in ("accepted", "starting", "running", "stopping"):
                raise Breach("money", f"{attempt_id} ({phase}) was billed {billed}, and {counted} are counted")
