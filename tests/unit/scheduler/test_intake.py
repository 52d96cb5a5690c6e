"""What people may ask for: of their own tasks, and no more of them than may wait."""

from collections.abc import Callable

import pytest

from errand_common.errors import Exhausted, NotFound
from errand_common.values import FailureReason, InputKind, TaskStatus
from errand_scheduler.lifecycle import asks, deadlines, retries
from errand_scheduler.store import inputs
from errand_scheduler.store.transaction import Tx
from tests.unit.scheduler.world import (
    ALLOWANCE,
    DURATIONS,
    OTHER_USER,
    World,
)


async def test_another_users_task_is_not_found(world: World) -> None:
    task = await world.new_task()
    asked: list[Callable[[Tx], object]] = [
        lambda tx: asks.stop_task(
            tx, user_id=OTHER_USER, task_id=task.task_id, runner_present=True, durations=DURATIONS
        ),
        lambda tx: asks.add_input(
            tx,
            user_id=OTHER_USER,
            task_id=task.task_id,
            text="x",
            kind=InputKind.STEER,
            input_id="inp_x",
            durations=DURATIONS,
            most_pending=100,
        ),
        lambda tx: asks.create_task(
            tx,
            user_id=OTHER_USER,
            project_id=task.project_id,
            prompt="x",
            task_id="tsk_x",
            input_id="inp_x",
            durations=DURATIONS,
            most_pending=100,
            required_labels={},
        ),
        lambda tx: retries.retry_task(
            tx, user_id=OTHER_USER, task_id=task.task_id, durations=DURATIONS, most_pending=100
        ),
    ]
    for ask in asked:
        with pytest.raises(NotFound):
            await world.writer.write(ask)


async def test_a_user_has_so_many_pending_tasks_and_no_more(world: World) -> None:
    first, second = await world.new_task(), await world.new_task()
    with pytest.raises(Exhausted, match="2 tasks of yours") as refused:
        await world.new_task(most_pending=2)
    assert refused.value.retry_after
    await world.accepted(first.task_id)
    await world.new_task(most_pending=2)
    assert (await world.task(second.task_id)).status is TaskStatus.PENDING


async def test_the_most_pending_tasks_hold_for_what_is_sent_on_too(world: World) -> None:
    over, parked, failed = [(await world.new_task()).task_id for _ in range(3)]
    await world.finished(await world.running(over))
    await world.parked(parked, ALLOWANCE)
    await world.lost(await world.running(failed))
    waits, works = (await world.new_task()).task_id, (await world.new_task()).task_id
    await world.running(works)
    before = [await world.task(each) for each in (over, parked, failed)]
    for too_many in (
        world.input(over, most_pending=1),
        world.input(parked, most_pending=1),
        world.retried(parked, most_pending=1),
        world.retried(failed, most_pending=1),
    ):
        with pytest.raises(Exhausted, match="stop one") as refused:
            await too_many
        assert refused.value.retry_after
    assert [await world.task(each) for each in (over, parked, failed)] == before
    assert not await world.reader.all(inputs.untaken(parked))
    await world.input(waits, most_pending=1)
    await world.input(works, most_pending=1)
    assert (await world.retried(failed, most_pending=2)).status is TaskStatus.PENDING


async def test_what_a_task_asks_of_its_runner_is_kept(world: World) -> None:
    created = await world.new_task()
    assert (await world.task(created.task_id)).required_labels == {"region": "eu"}


async def test_a_refused_repository_fails_what_waits_for_it(world: World) -> None:
    waits, runs = await world.new_task(), await world.new_task()
    await world.accepted(runs.task_id)
    await world.writer.write(lambda tx: deadlines.fail_pending(tx, waits.project_id, reason="you may not push"))
    failed = await world.task(waits.task_id)
    assert (failed.failure_reason, failed.status_reason) == (FailureReason.REPOSITORY, "you may not push")
    assert (await world.task(runs.task_id)).status is TaskStatus.RUNNING
