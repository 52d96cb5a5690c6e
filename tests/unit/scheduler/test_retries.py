"""A task goes on after a failure: by itself where only the machinery failed, else when a person says so."""

import pytest

from errand_common.errors import Conflict
from errand_common.values import AttemptPhase, FailureReason, InputKind, TaskStatus
from errand_scheduler.lifecycle.effects import PhaseReported
from errand_scheduler.store import retention
from tests.unit.scheduler.world import (
    OTHER_RUNNER,
    RUNNER,
    THIRD_RUNNER,
    World,
    event,
    kinds_told,
    reason_of,
)

MACHINERY = [FailureReason.ENGINE, FailureReason.IMAGE, FailureReason.SANDBOX, FailureReason.DISK]


async def failed_early(world: World, task_id: str, *runner_ids: str) -> None:
    for runner_id in runner_ids:
        holder = await world.accepted(task_id, runner_id=runner_id)
        await world.finished(holder, AttemptPhase.FAILED, FailureReason.ENGINE, "Docker is away")


@pytest.mark.parametrize("failure", MACHINERY)
async def test_what_the_machinery_failed_before_the_work_began_is_tried_again(
    world: World, failure: FailureReason
) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    await world.told(holder, event(1, PhaseReported(AttemptPhase.STARTING)))
    await world.finished(holder, AttemptPhase.FAILED, failure, "no luck")
    again = await world.task(task.task_id)
    assert (again.status, again.retry_count) == (TaskStatus.PENDING, 1)
    assert again.status_reason == "no luck; trying again (1 of 3)"


@pytest.mark.parametrize("failure", MACHINERY)
async def test_what_the_machinery_failed_after_the_work_began_is_not_tried_again(
    world: World, failure: FailureReason
) -> None:
    task = await world.new_task()
    await world.finished(await world.running(task.task_id), AttemptPhase.FAILED, failure)
    assert (await world.task(task.task_id)).failure_reason is failure


async def test_what_the_work_failed_is_not_tried_again(world: World) -> None:
    task = await world.new_task()
    await world.finished(await world.accepted(task.task_id), AttemptPhase.FAILED, FailureReason.CLONE)
    assert (await world.task(task.task_id)).failure_reason is FailureReason.CLONE


async def test_an_attempt_lost_before_its_work_began_is_tried_again(world: World) -> None:
    task = await world.new_task()
    await world.lost(await world.accepted(task.task_id))
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING


async def test_one_that_was_not_ready_in_time_is_tried_again(world: World) -> None:
    task = await world.new_task()
    await world.finished(await world.accepted(task.task_id), AttemptPhase.TIMED_OUT)
    assert (await world.task(task.task_id)).retry_count == 1


async def test_three_retries_and_no_more(world: World) -> None:
    task = await world.new_task()
    await failed_early(world, task.task_id, RUNNER, OTHER_RUNNER, RUNNER)
    assert (await world.task(task.task_id)).retry_count == 3
    await failed_early(world, task.task_id, OTHER_RUNNER)
    failed = await world.task(task.task_id)
    assert (failed.status, failed.failure_reason) == (TaskStatus.FAILED, FailureReason.ENGINE)
    assert failed.status_reason == "Docker is away"


async def test_a_third_runner_that_it_fails_is_the_last_one_put_at_risk(world: World) -> None:
    task = await world.new_task()
    await failed_early(world, task.task_id, RUNNER, OTHER_RUNNER, THIRD_RUNNER)
    failed = await world.task(task.task_id)
    assert (failed.status, failed.failure_reason) == (TaskStatus.FAILED, FailureReason.POISON)
    assert "Docker is away" in failed.status_reason


async def test_only_failures_in_a_row_count(world: World) -> None:
    task = await world.new_task()
    await failed_early(world, task.task_id, RUNNER, OTHER_RUNNER)
    holder = await world.running(task.task_id, runner_id=RUNNER)
    assert (await world.task(task.task_id)).retry_count == 0
    await world.finished(holder, AttemptPhase.FAILED, FailureReason.INTERNAL)
    await world.retried(task.task_id)
    await failed_early(world, task.task_id, THIRD_RUNNER)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING


@pytest.mark.parametrize("asked", ["input", "retry"])
async def test_a_person_gives_all_runners_another_chance(world: World, asked: str) -> None:
    task = await world.new_task()
    await failed_early(world, task.task_id, RUNNER, OTHER_RUNNER)
    if asked == "input":
        assert (await world.input(task.task_id)).retry_count == 0
        assert (await world.task(task.task_id)).status_reason == "looking for a runner"
    else:
        await world.stopped(task.task_id)
        assert (await world.retried(task.task_id)).retry_count == 0
    await failed_early(world, task.task_id, THIRD_RUNNER)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING


async def test_an_input_to_an_attempt_that_has_not_begun_counts_as_well(world: World) -> None:
    task = await world.new_task()
    await failed_early(world, task.task_id, RUNNER)
    await world.accepted(task.task_id)
    await world.input(task.task_id, "more", InputKind.STEER)
    assert (await world.task(task.task_id)).retry_count == 0


async def test_a_stop_ends_the_trying(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    await world.stopped(task.task_id)
    await world.finished(holder, AttemptPhase.FAILED, FailureReason.ENGINE)
    assert (await world.task(task.task_id)).status is TaskStatus.CANCELLED


@pytest.mark.parametrize("ended", [TaskStatus.FAILED, TaskStatus.CANCELLED])
async def test_a_retry_sends_a_task_on_that_failed_or_was_stopped(world: World, ended: TaskStatus) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    if ended is TaskStatus.CANCELLED:
        await world.stopped(task.task_id)
    await world.finished(holder, AttemptPhase.FAILED, FailureReason.PUSH)
    assert (await world.task(task.task_id)).status is ended
    for _ in range(2):
        again = await world.retried(task.task_id)
        assert (again.status, again.failure_reason) == (TaskStatus.PENDING, None)
    assert (await kinds_told(world, task.task_id))[-2:] == ["task_retried", "task_status_changed"]


async def test_a_retry_of_a_task_that_is_on_its_way_changes_nothing(world: World) -> None:
    task = await world.new_task()
    assert await world.retried(task.task_id) == await world.task(task.task_id)
    await world.running(task.task_id)
    assert await world.retried(task.task_id) == await world.task(task.task_id)
    assert "task_retried" not in await kinds_told(world, task.task_id)


async def test_a_completed_task_is_not_retried(world: World) -> None:
    task = await world.new_task()
    await world.finished(await world.running(task.task_id))
    with pytest.raises(Conflict, match="is completed") as refused:
        await world.retried(task.task_id)
    assert reason_of(refused.value) == "WRONG_STATE"


async def test_a_task_whose_record_was_deleted_is_not_continued(world: World) -> None:
    task = await world.new_task()
    await world.finished(await world.running(task.task_id), AttemptPhase.FAILED, FailureReason.PUSH)
    world.clock.move(1)
    before = world.clock.now_us()
    while await world.writer.write(lambda tx: retention.forget(tx, task.task_id, before=before)):
        continue
    for ask in (world.retried, world.input):
        with pytest.raises(Conflict, match="create a new task") as refused:
            await ask(task.task_id)
        assert reason_of(refused.value) == "WRONG_STATE"
