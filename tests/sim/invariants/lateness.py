"""Nothing stays where it is for longer than its deadline allows."""

from tests.sim.breach import Breach
from tests.sim.invariants.ledger import Ledger
from tests.sim.scheduler_host import BEAT_S

_SLACK_BEATS = 8
_LOST_BEATS = 120
_SHORT_BEATS = {"offered": 3, "accepted": 12 + _LOST_BEATS, "starting": 720 + _LOST_BEATS, "stopping": 24}
"""How long an attempt may stay in a phase while the scheduler is up."""
_DAY_BEATS = 17_280
_LONG_BEATS = {"pending": 7 * _DAY_BEATS, "waiting": 30 * _DAY_BEATS}
"""How long a task may stay so, whatever the scheduler does meanwhile: it has a moment from its return on."""
_RETURN_BEATS = 12 + _SLACK_BEATS


def check(ledger: Ledger) -> None:
    """Called from time to time."""
    now = ledger.loop.time()
    up_s = now - ledger.scheduler_since_s
    for attempt_id, seen in ledger.attempts.items():
        phase = seen.row[4]
        if (most := _SHORT_BEATS.get(phase)) is not None:
            late_s = now - max(seen.since_s, ledger.scheduler_since_s) - (most + _SLACK_BEATS) * BEAT_S
            if late_s > 0:
                invariant = "I6" if phase == "stopping" else "deadline"
                raise Breach(invariant, f"{attempt_id} is {phase} for too long, {late_s:.0f} s over its time")
        elif phase == "running" and not ledger.clock_jumped:
            _check_long(attempt_id, phase, now - seen.since_s - _DAY_BEATS * BEAT_S, up_s, _LOST_BEATS + _RETURN_BEATS)
    if ledger.clock_jumped:
        return
    for task_id, row in ledger.tasks.items():
        if (most := _LONG_BEATS.get(row[1])) is not None:
            _check_long(task_id, row[1], now - ledger.task_since_s[task_id] - most * BEAT_S, up_s, _RETURN_BEATS)


def _check_long(name: str, state: str, late_s: float, up_s: float, grace_beats: float) -> None:
    if min(late_s, up_s) > grace_beats * BEAT_S:
        raise Breach("deadline", f"{name} is {state} for too long, {late_s:.0f} s over its time")
