"""What a runner says it has when it connects."""

import pytest

from errand_common.values import AttemptPhase, FailureReason, TaskStatus
from errand_scheduler.lifecycle import inventory
from errand_scheduler.lifecycle.decisions import Held
from errand_scheduler.lifecycle.inventory import Claim
from errand_scheduler.lifecycle.turns import Holder
from tests.unit.scheduler.world import DURATIONS, OTHER_RUNNER, RUNNER, World, event


async def taken(world: World, *claims: Claim, newly_started: bool = True, came_back: bool = False) -> list[Held]:
    return await world.writer.write(
        lambda tx: inventory.take_inventory(
            tx,
            runner_id=RUNNER,
            claims=claims,
            newly_started=newly_started,
            came_back=came_back,
            durations=DURATIONS,
        )
    )


async def test_an_inventory_is_judged_attempt_by_attempt(world: World) -> None:
    kept, stopping, over = [await world.accepted((await world.new_task()).task_id) for _ in range(3)]
    await world.stopped((await world.attempt(stopping.attempt_id)).task_id)
    await world.finished(over)
    stale = Holder(runner_id=RUNNER, attempt_id=kept.attempt_id, fence=kept.fence + 1)
    unknown = Holder(runner_id=RUNNER, attempt_id="att_none", fence=1)
    verdicts = await taken(world, *(Claim(each, 0) for each in (kept, stopping, over, stale, unknown)))
    assert verdicts == [Held.KEEP, Held.STOP, Held.FORGET, Held.FORGET, Held.FORGET]


async def test_what_a_restarted_runner_forgot_is_begun_anew_or_failed(world: World) -> None:
    unbegun, begun, others = [await world.new_task() for _ in range(3)]
    await world.accepted(unbegun.task_id)
    await world.running(begun.task_id)
    await world.accepted(others.task_id, runner_id=OTHER_RUNNER)
    offered = await world.offered((await world.new_task()).task_id)
    await taken(world)
    assert (await world.task(unbegun.task_id)).status is TaskStatus.PENDING
    assert (await world.task(begun.task_id)).failure_reason is FailureReason.RUNNER_LOST
    assert (await world.task(others.task_id)).status is TaskStatus.RUNNING
    assert (await world.attempt(offered.attempt_id)).phase is AttemptPhase.OFFERED


async def test_a_reconnecting_runner_forgets_nothing(world: World) -> None:
    task = await world.new_task()
    await world.accepted(task.task_id)
    await taken(world, newly_started=False)
    assert (await world.task(task.task_id)).status is TaskStatus.RUNNING


@pytest.mark.parametrize(("last_sequence", "verdict"), [(1, Held.FORGET), (2, Held.KEEP), (3, Held.KEEP)])
async def test_a_runner_whose_folder_is_older_than_what_is_stored_loses_the_attempt(
    world: World, last_sequence: int, verdict: Held
) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await world.told(holder, event(2))
    assert await taken(world, Claim(holder, last_sequence)) == [verdict]
    lost = verdict is Held.FORGET
    assert (await world.attempt(holder.attempt_id)).phase is (AttemptPhase.LOST if lost else AttemptPhase.RUNNING)
    assert (await world.task(task.task_id)).status is (TaskStatus.FAILED if lost else TaskStatus.RUNNING)


async def test_a_request_of_a_known_process_that_comes_late_loses_nothing(world: World) -> None:
    holder = await world.running((await world.new_task()).task_id)
    assert await taken(world, Claim(holder, 0), newly_started=False) == [Held.KEEP]


@pytest.mark.parametrize(("last_sequence", "verdict"), [(0, Held.FORGET), (1, Held.KEEP)])
async def test_a_process_that_comes_back_after_its_copy_loses_what_the_copy_went_on_with(
    world: World, last_sequence: int, verdict: Held
) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    assert await taken(world, Claim(holder, last_sequence), newly_started=False, came_back=True) == [verdict]
    lost = verdict is Held.FORGET
    assert (await world.attempt(holder.attempt_id)).phase is (AttemptPhase.LOST if lost else AttemptPhase.RUNNING)


@pytest.mark.parametrize(("came_back", "verdict"), [(True, Held.FORGET), (False, Held.KEEP)])
async def test_as_many_events_as_are_stored_are_not_the_same_where_a_copy_told_them(
    world: World, came_back: bool, verdict: Held
) -> None:
    holder = await world.running((await world.new_task()).task_id)
    claim = Claim(holder, 1, overtaken=True)
    assert await taken(world, claim, newly_started=not came_back, came_back=came_back) == [verdict]
    assert ("two processes" in (await world.attempt(holder.attempt_id)).reason) is came_back


async def test_what_the_copy_accepted_is_not_lost_by_one_that_comes_back_without_it(world: World) -> None:
    task = await world.new_task()
    await world.accepted(task.task_id)
    await taken(world, newly_started=False, came_back=True)
    assert (await world.task(task.task_id)).status is TaskStatus.RUNNING


async def test_what_is_forgotten_while_it_waits_keeps_waiting(world: World) -> None:
    task = await world.new_task()
    holder = await world.hot_and_read(task.task_id)
    await taken(world)
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.LOST
    assert (await world.task(task.task_id)).status is TaskStatus.WAITING


async def test_what_is_forgotten_while_it_is_stopped_is_stopped(world: World) -> None:
    task = await world.new_task()
    await world.running(task.task_id)
    await world.stopped(task.task_id)
    await taken(world)
    assert (await world.task(task.task_id)).status is TaskStatus.CANCELLED
