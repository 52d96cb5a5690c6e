"""An attempt's purse begins with what the scheduler tells of it, and draws of the person's day under its name."""

from types import SimpleNamespace
from typing import cast

import pytest

from errand.v1 import task_pb2
from errand.v1.dispatch_service_pb2 import DrawMoneyResponse, GetTranscriptResponse
from errand.v1.runner_pb2 import Assignment, AttemptRef
from errand_common.errors import Conflict
from errand_common.values import FailureReason
from errand_common.wire import duration
from errand_runner.agent.allowance import Granted, Prospect, Short
from errand_runner.agent.prices import Price
from errand_runner.attempt.budget import open_purse
from errand_runner.attempt.kit import Kit
from errand_runner.ending import AttemptFailed
from errand_runner.inputs import Inbox

ATTEMPT = AttemptRef(attempt_id="att_1", fence=7)
PRICE = Price(input=5, output=25, cache_write_5m=6, cache_write_1h=10, cache_read=1)
ASKED = Prospect("claude-opus-5-5", 1_000, 2_000, PRICE)
LEAST, MOST = ASKED.worst_nanodollars(1_000), ASKED.worst_nanodollars(2_000)


class Scheduler:
    """Answers so, and remembers what it was asked."""

    def __init__(self, answer: DrawMoneyResponse | Exception) -> None:
        self.answer = answer
        self.asked: list[tuple[AttemptRef, int, int]] = []

    async def draw_money(self, attempt: AttemptRef, *, least: int, most: int) -> DrawMoneyResponse:
        self.asked.append((attempt, least, most))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def open_gate() -> None:
    """Nothing is frozen."""


def kit(scheduler: Scheduler, *, draws: bool = True) -> Kit:
    assignment = Assignment(attempt=ATTEMPT, draws_money=draws)
    parts = SimpleNamespace(
        assignment=assignment,
        task=assignment.task,
        inbox=Inbox(),
        clock=SimpleNamespace(boot_s=lambda: 0.0),
        freezer=SimpleNamespace(gate=open_gate),
        means=SimpleNamespace(dispatch=scheduler),
    )
    return cast(Kit, parts)


async def test_it_asks_for_all_that_the_attempt_cost_by_then_and_the_next_request() -> None:
    scheduler = Scheduler(DrawMoneyResponse(granted_nanodollars=10**12))
    stored = [
        GetTranscriptResponse(spent=task_pb2.Spent(cost_nanodollars=9_000)),
        GetTranscriptResponse(attempt_nanodollars=4_000),
    ]
    assert await open_purse(kit(scheduler), stored).grant(ASKED) == Granted(2_000)
    assert scheduler.asked == [(ATTEMPT, 4_000 + LEAST, 4_000 + MOST)]


@pytest.mark.parametrize("resume", [None, 60.0])
async def test_what_there_is_not_is_waited_for_where_it_comes(resume: float | None) -> None:
    answer = DrawMoneyResponse(reason="spent", resume_duration=None if resume is None else duration(resume))
    granted = await open_purse(kit(Scheduler(answer)), []).grant(ASKED)
    assert getattr(granted, "words", "") == "spent"
    assert isinstance(granted, Short) is (resume is not None)
    assert getattr(granted, "resume_s", None) == resume


async def test_a_refusal_ends_the_attempt_in_words() -> None:
    purse = open_purse(kit(Scheduler(Conflict("attempt att_1 is stopping; it may not act"))), [])
    with pytest.raises(AttemptFailed, match="it may not act") as failed:
        await purse.grant(ASKED)
    assert failed.value.reason is FailureReason.ALLOWANCE


async def test_the_latest_word_on_whether_a_day_is_limited_holds() -> None:
    scheduler = Scheduler(DrawMoneyResponse(granted_nanodollars=10**12))
    of_now = kit(scheduler, draws=False)
    purse = open_purse(of_now, [])
    await purse.grant(ASKED)
    assert scheduler.asked == []
    of_now.inbox.hear(Assignment(attempt=ATTEMPT, draws_money=True))
    await purse.grant(ASKED)
    assert len(scheduler.asked) == 1
