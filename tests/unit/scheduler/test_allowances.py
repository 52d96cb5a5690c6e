"""What a task may spend is settled when it is created; what it spent is the sum over its attempts."""

import pytest

from errand_common.values import AttemptPhase, Role
from errand_scheduler.lifecycle.allowances import allowance_for
from errand_scheduler.lifecycle.effects import MessageAdded, UsageAdded
from errand_scheduler.store.allowance import NO_LIMIT, Allowance, from_text, to_text
from errand_scheduler.store.messages import Message
from errand_scheduler.store.usage import Usage
from tests.unit.scheduler.world import World, event

DEFAULT = Allowance(cost_nanodollars=1, tokens=2, requests=3, work_us=4)


def test_what_nobody_asks_for_is_the_projects_and_else_the_default() -> None:
    project = Allowance(tokens=20, work_us=40)
    assert allowance_for(None, project, DEFAULT) == Allowance(1, 20, 3, 40)


def test_what_is_asked_for_is_all_that_counts() -> None:
    assert allowance_for(NO_LIMIT, DEFAULT, DEFAULT) == NO_LIMIT
    assert allowance_for(Allowance(tokens=5), DEFAULT, DEFAULT) == Allowance(tokens=5)


@pytest.mark.parametrize("allowance", [NO_LIMIT, DEFAULT, Allowance(requests=7)])
def test_a_row_remembers_it(allowance: Allowance) -> None:
    assert from_text(to_text(allowance)) == allowance


async def test_what_was_spent_is_the_sum_over_attempts_and_dropped_replies(world: World) -> None:
    task = await world.new_task()
    for place in (1, 2):
        holder = await world.running(task.task_id)
        used = Usage(input_tokens=3, cost_nanodollars=7)
        kept = [Message(world.ids.new("msg"), Role.ASSISTANT, b"[]", usage=used) for _ in range(2)]
        await world.told(holder, *(event(2 + n, MessageAdded(each)) for n, each in enumerate(kept)))
        await world.told(holder, event(4, UsageAdded(used)))
        world.clock.move(10)
        await world.finished(holder, AttemptPhase.SUCCEEDED)
        now = await world.task(task.task_id)
        assert (now.usage.cost_nanodollars, now.request_count, now.worked_us) == (21 * place, 3 * place, 10**7 * place)
        await world.input(task.task_id)
        world.clock.move(100)


async def test_a_wall_clock_that_is_set_spends_no_more_than_an_attempt_may_take(world: World) -> None:
    task = await world.new_task()
    for offset_s in (10**9, 0):
        holder = await world.running(task.task_id)
        world.clock.offset_s = offset_s
        await world.finished(holder, AttemptPhase.SUCCEEDED)
        assert (await world.task(task.task_id)).worked_us == 26 * 60 * 60 * 10**6
        await world.input(task.task_id)
