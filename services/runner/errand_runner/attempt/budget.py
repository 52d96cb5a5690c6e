"""What an attempt's task may spend: as the scheduler tells of it, counted on by the loop."""

from collections.abc import Sequence
from functools import partial

from errand.v1 import task_pb2
from errand.v1.dispatch_service_pb2 import GetTranscriptResponse
from errand_common import wire
from errand_common.errors import ErrandError
from errand_common.values import FailureReason
from errand_runner.agent.allowance import Amounts
from errand_runner.agent.day import Day, Drawn
from errand_runner.agent.purse import Purse
from errand_runner.attempt.kit import Kit
from errand_runner.ending import AttemptFailed


def limits_now(kit: Kit) -> Amounts:
    """The task's, as the person has them now."""
    allowance = kit.inbox.allowance or kit.task.allowance
    return Amounts(
        cost_nanodollars=allowance.cost_nanodollars,
        tokens=allowance.tokens,
        requests=allowance.requests,
        work_s=wire.seconds(allowance.work_duration),
    )


def open_purse(kit: Kit, stored: Sequence[GetTranscriptResponse]) -> Purse:
    """With what the task spent by now, which is stored with its transcript."""
    spent = next((each.spent for each in stored if each.HasField("spent")), task_pb2.Spent(cost_nanodollars=0))
    before = Amounts(
        cost_nanodollars=spent.cost_nanodollars if spent.HasField("cost_nanodollars") else None,
        tokens=spent.tokens,
        requests=spent.requests,
        work_s=wire.seconds(spent.work_duration),
    )
    cost = next((each.attempt_nanodollars for each in stored if each.HasField("attempt_nanodollars")), 0)
    day = Day(partial(_draw, kit), limited=lambda: _draws(kit), cost=cost)
    return Purse(limits=lambda: limits_now(kit), spent=before, now_s=kit.clock.boot_s, day=day)


def _draws(kit: Kit) -> bool:
    told = kit.inbox.draws_money
    return kit.assignment.draws_money if told is None else told


async def _draw(kit: Kit, least: int, most: int) -> Drawn:
    """Waits while the scheduler is away: what is not lent is not spent. Raises AttemptFailed."""
    await kit.freezer.gate()
    try:
        drawn = await kit.means.dispatch.draw_money(kit.assignment.attempt, least=least, most=most)
    except ErrandError as exc:
        raise AttemptFailed(FailureReason.ALLOWANCE, exc.message) from exc
    resume_s = wire.seconds(drawn.resume_duration) if drawn.HasField("resume_duration") else None
    return Drawn(drawn.granted_nanodollars, drawn.reason, resume_s)
