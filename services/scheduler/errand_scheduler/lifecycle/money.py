"""Money of a person's day is handed out in slices: attempts draw before they spend, and give back the rest."""

from dataclasses import dataclass
from datetime import UTC, datetime

from errand_common.errors import Conflict
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle import spending
from errand_scheduler.lifecycle.decisions import AT_WORK
from errand_scheduler.lifecycle.moves import queue_task
from errand_scheduler.lifecycle.turns import Holder, load, superseded
from errand_scheduler.store import attempts, money, tasks
from errand_scheduler.store.money import DAY_US, Account, day_at
from errand_scheduler.store.transaction import Tx

HELD_S = 600.0
"""After how long a task asks again that could have what other tasks of its person hold."""

_EXTRA = 50
"""What is handed out beyond what is asked for: this part of the day's limit, so that not every request draws."""


@dataclass(frozen=True)
class Drawn:
    """Up to what the attempt may come, in nano-dollars. Where that is less than the least that was asked for, `reason`
    says why, and after `resume_s` there may be more; None: never."""

    nanodollars: int
    reason: str = ""
    resume_s: float | None = None


def grant(account: Account, *, least: int, most: int, limit: int) -> int:
    """Up to what an attempt may come that asks for `most`: a little further; where the day does not reach so far, as
    far as it does, if that is `least` or more. What it drew before stays."""
    if account.drawn >= most:
        return account.drawn
    reach = min(most + limit // _EXTRA, account.cost + limit - account.spent - account.held)
    return max(account.drawn, reach) if reach >= least else account.drawn


def draw(tx: Tx, holder: Holder, *, least: int, most: int, limit: int) -> Drawn:
    """Let the holder's attempt come to `most` in all, or at least to `least`, within its user's `limit` of the day; 0:
    none. Asked again, it is as it was. Raises Conflict: LEASE_SUPERSEDED where the attempt is over or another's,
    WRONG_STATE where it may not act."""
    attempt = load(tx, holder)
    if attempt.phase.final:
        raise superseded(holder)
    if attempt.phase not in AT_WORK:
        raise Conflict(f"attempt {attempt.attempt_id} is {attempt.phase}; it may not spend")
    if not limit:
        return Drawn(most)
    account = tx.one(money.account_of(attempt.attempt_id, user_id=attempt.user_id, day=day_at(tx.now_us)))
    assert account is not None  # always one row
    drawn = grant(account, least=least, most=most, limit=limit)
    if drawn > account.drawn:
        money.set_drawn(tx, attempt.attempt_id, user_id=attempt.user_id, nanodollars=drawn)
    return Drawn(drawn) if drawn >= least else _short(account, drawn, least=least, limit=limit, now_us=tx.now_us)


def take_up(tx: Tx, holder: Holder) -> None:
    """The holder's runner begins with the attempt, or begins anew. Raises Conflict LEASE_SUPERSEDED for anybody
    else's."""
    attempt = load(tx, holder)
    if attempt.phase in AT_WORK:
        spending.begin_anew(tx, attempt)


def day_end(now_us: int) -> int:
    """When the day ends that this instant lies in."""
    return (day_at(now_us) + 1) * DAY_US


def go_on(tx: Tx, *, limit: int, durations: Durations) -> None:
    """At a start, when the limit may be another: whatever waits for a day to end, and could draw now, goes on."""
    for task in tx.all(money.waiting_for_a_day()):
        day = tx.one(money.day_of(task.user_id, day=day_at(tx.now_us)))
        assert day is not None  # always one row
        if limit and day.spent + day.held >= limit:
            continue
        if tx.one(attempts.live_of_task(task.task_id)) is None:
            queue_task(tx, task, durations)
        else:
            # It looks for itself; where it parks before that, another one goes on.
            tasks.set_resume_after_stop(tx, task.task_id, resume=True)


def _short(account: Account, drawn: int, *, least: int, limit: int, now_us: int) -> Drawn:
    needed = least - account.cost
    next_request = f"the next request may cost {_dollars(needed)}"
    if needed > limit:
        return Drawn(
            drawn,
            f"{next_request.capitalize()}, and all tasks of a person together may cost {_dollars(limit)} a day. Whoever"
            " runs this Errand sets that (ERRAND_USER_DOLLARS_PER_DAY); a new task begins with shorter requests.",
        )
    ends_us = day_end(now_us)
    ends = f"{datetime.fromtimestamp(ends_us / 1e6, UTC):%Y-%m-%d %H:%M} UTC"
    left_s = (ends_us - now_us) / 1e6
    limited = f"of the {_dollars(limit)} that all your tasks together may cost a day"
    if account.spent + needed > limit:
        return Drawn(
            drawn,
            f"{_dollars(account.spent)} {limited} are spent; {next_request}. The day ends at {ends}: then the work goes"
            " on by itself.",
            left_s,
        )
    return Drawn(
        drawn,
        f"{_dollars(account.spent)} {limited} are spent, and {_dollars(account.held)} are set aside for your other"
        f" tasks at work; {next_request}. The work goes on by itself once they leave enough, at the latest when the day"
        f" ends, at {ends}.",
        min(HELD_S, left_s),
    )


def _dollars(nanodollars: int) -> str:
    amount = nanodollars / 1e9
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"
