"""A person lets a task spend more while it runs, waits hot, or is parked."""

import pytest

from errand_common.errors import Conflict, Exhausted, Invalid
from errand_common.values import AttemptPhase, TaskStatus, WaitReason
from errand_scheduler.lifecycle.allowances import MOST, raised
from errand_scheduler.lifecycle.raises import raise_allowance
from errand_scheduler.lifecycle.waits import end_wait
from errand_scheduler.store.allowance import NO_LIMIT, Allowance
from errand_scheduler.store.notices import TermsChanged
from errand_scheduler.store.tasks import Task
from tests.unit.scheduler.world import ALLOWANCE, DURATIONS, QUESTION, USER, World, kinds_told, reason_of

FIVE = Allowance(cost_nanodollars=5 * 10**9)
TWO_MORE = Allowance(cost_nanodollars=2 * 10**9)
SEVEN = Allowance(cost_nanodollars=7 * 10**9)


async def rise(world: World, task_id: str, more: Allowance = TWO_MORE, *, most_pending: int = 100) -> Task:
    return await world.writer.write(
        lambda tx: raise_allowance(
            tx, user_id=USER, task_id=task_id, more=more, durations=DURATIONS, most_pending=most_pending
        )
    )


def test_each_limit_rises_by_what_is_added() -> None:
    limits = Allowance(cost_nanodollars=5, tokens=6, requests=7, work_us=8)
    assert raised(limits, Allowance(tokens=1, work_us=2)) == Allowance(5, 7, 7, 10)


@pytest.mark.parametrize(
    ("more", "kind", "words"),
    [
        (NO_LIMIT, Invalid, "nothing is added"),
        (Allowance(tokens=1), Conflict, "the task has no limit on tokens; there is nothing to raise"),
        (Allowance(work_us=1), Conflict, "the task has no limit on time"),
        (
            Allowance(cost_nanodollars=MOST.cost_nanodollars),
            Invalid,
            "cost_nanodollars would be 1000005000000000; the most is 1000000000000000",
        ),
    ],
)
def test_what_cannot_be_raised_is_refused_in_words(more: Allowance, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        raised(FIVE, more)


async def test_a_task_at_work_goes_on_and_its_runner_is_told(world: World) -> None:
    task = await world.new_task(allowance=FIVE)
    holder = await world.running(task.task_id)
    world.notices.clear()
    assert (await rise(world, task.task_id)).status is TaskStatus.RUNNING
    assert (await world.task(task.task_id)).allowance == SEVEN
    assert TermsChanged(runner_id=holder.runner_id, attempt_id=holder.attempt_id) in world.notices
    assert (await kinds_told(world, task.task_id))[-1] == "allowance_raised"


async def test_a_parked_task_goes_on_with_a_new_attempt(world: World) -> None:
    task = await world.new_task(allowance=FIVE)
    parked = await world.parked(task.task_id, ALLOWANCE)
    moved = await rise(world, task.task_id)
    assert (moved.status, moved.allowance) == (TaskStatus.PENDING, SEVEN)
    assert (await world.accepted(task.task_id)).fence == parked.fence + 1


@pytest.mark.parametrize("heard", [True, False])
async def test_one_that_waits_hot_goes_on_in_its_attempt_or_after_that_parked(world: World, heard: bool) -> None:
    task = await world.new_task(allowance=FIVE)
    holder = await world.hot_and_read(task.task_id, ALLOWANCE)
    assert (await rise(world, task.task_id)).status is TaskStatus.WAITING
    attempt = await world.attempt(holder.attempt_id)
    if heard:
        await world.writer.write(lambda tx: end_wait(tx, attempt))
        assert (await world.task(task.task_id)).status is TaskStatus.RUNNING
        await world.finished(holder)
        assert (await world.task(task.task_id)).status is TaskStatus.COMPLETED
    else:
        await world.finished(holder, AttemptPhase.PARKED)
        assert (await world.task(task.task_id)).status is TaskStatus.PENDING


async def test_one_that_waits_for_something_else_waits_on(world: World) -> None:
    task = await world.new_task(allowance=FIVE)
    await world.parked(task.task_id, QUESTION)
    still = await rise(world, task.task_id)
    assert (still.status, still.wait_reason, still.allowance) == (TaskStatus.WAITING, WaitReason.QUESTION, SEVEN)


async def test_too_many_pending_tasks_leave_it_as_it_was(world: World) -> None:
    await world.new_task()
    task = await world.new_task(allowance=FIVE)
    await world.parked(task.task_id, ALLOWANCE)
    with pytest.raises(Exhausted):
        await rise(world, task.task_id, most_pending=1)
    assert (await world.task(task.task_id)).allowance == FIVE


async def test_a_refusal_changes_nothing(world: World) -> None:
    task = await world.new_task(allowance=FIVE)
    with pytest.raises(Conflict) as refused:
        await rise(world, task.task_id, Allowance(requests=1))
    assert reason_of(refused.value) == "WRONG_STATE"
    assert (await world.task(task.task_id)).allowance == FIVE
