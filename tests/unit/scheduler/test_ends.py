"""How attempts end, and where that leaves their tasks."""

import sqlite3

import pytest

from errand_common.errors import Conflict
from errand_common.values import AttemptPhase, FailureReason, InputKind, TaskStatus
from errand_scheduler.lifecycle import turns
from errand_scheduler.lifecycle.decisions import Held, on_held
from errand_scheduler.lifecycle.turns import AttemptEnd
from errand_scheduler.store import inputs
from tests.unit.scheduler.world import (
    DURATIONS,
    World,
    event,
    reason_of,
)


async def test_a_finish_waits_for_every_event(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    end = AttemptEnd(phase=AttemptPhase.SUCCEEDED, failure=None, reason="", last_sequence=2)
    await world.told(holder, event(1))
    with pytest.raises(Conflict) as refused:
        await world.writer.write(lambda tx: turns.finish(tx, holder, end, DURATIONS))
    assert reason_of(refused.value) == "EVENT_GAP"
    await world.told(holder, event(2))
    for _ in range(2):
        await world.writer.write(lambda tx: turns.finish(tx, holder, end, DURATIONS))
    assert (await world.task(task.task_id)).status is TaskStatus.COMPLETED


async def test_the_end_of_a_stop_waits_for_no_event_and_what_comes_after_it_is_refused(world: World) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await world.stopped(task.task_id)
    done = AttemptEnd(phase=AttemptPhase.SUCCEEDED, failure=None, reason="", last_sequence=3)
    with pytest.raises(Conflict) as incomplete:
        await world.writer.write(lambda tx: turns.finish(tx, holder, done, DURATIONS))
    assert reason_of(incomplete.value) == "EVENT_GAP"
    end = AttemptEnd(phase=AttemptPhase.CANCELLED, failure=None, reason="", last_sequence=3)
    for _ in range(2):
        await world.writer.write(lambda tx: turns.finish(tx, holder, end, DURATIONS))
    assert (await world.task(task.task_id)).status is TaskStatus.CANCELLED
    with pytest.raises(Conflict) as late:
        await world.told(holder, event(2))
    assert reason_of(late.value) == "LEASE_SUPERSEDED"
    assert (await world.attempt(holder.attempt_id)).acked_sequence == 1
    over = await world.attempt(holder.attempt_id)
    assert on_held(over, runner_id=holder.runner_id, fence=holder.fence) is Held.FORGET


async def test_only_a_stop_ends_without_its_last_events(world: World) -> None:
    holder = await world.running((await world.new_task()).task_id)
    end = AttemptEnd(phase=AttemptPhase.CANCELLED, failure=None, reason="", last_sequence=3)
    with pytest.raises(Conflict) as refused:
        await world.writer.write(lambda tx: turns.finish(tx, holder, end, DURATIONS))
    assert reason_of(refused.value) == "EVENT_GAP"


async def test_what_was_written_to_a_retry_that_took_nothing_up_is_read_next(world: World) -> None:
    task = await world.new_task()
    first = await world.running(task.task_id)
    await world.take_up(first, task.task_id)
    await world.finished(first, AttemptPhase.FAILED, FailureReason.PUSH)
    await world.retried(task.task_id)
    retry = await world.running(task.task_id)
    world.clock.move(1.0)
    await world.input(task.task_id)
    await world.finished(retry)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    # It was there before this attempt, which takes it up no more than the last one did: there is an end to it.
    world.clock.move(1.0)
    await world.finished(await world.running(task.task_id))
    assert (await world.task(task.task_id)).status is TaskStatus.COMPLETED


async def test_a_final_attempt_never_changes(world: World) -> None:
    holder = await world.accepted((await world.new_task()).task_id)
    await world.finished(holder)
    with pytest.raises(sqlite3.IntegrityError, match="never changes"):
        await world.writer.write(
            lambda tx: tx.run("UPDATE attempts SET phase = 'running' WHERE attempt_id = :id", {"id": holder.attempt_id})
        )
    with pytest.raises(Conflict) as refused:
        await world.finished(holder, AttemptPhase.CANCELLED)
    assert reason_of(refused.value) == "LEASE_SUPERSEDED"


async def test_a_success_with_more_to_do_goes_on_and_one_without_completes(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    await world.take_up(holder, task.task_id)
    await world.input(task.task_id)
    await world.writer.write(
        lambda tx: turns.finish(tx, holder, AttemptEnd(AttemptPhase.SUCCEEDED, None, "", last_sequence=1), DURATIONS)
    )
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    holder = await world.accepted(task.task_id)
    await world.take_up(holder, task.task_id)
    await world.writer.write(
        lambda tx: turns.finish(tx, holder, AttemptEnd(AttemptPhase.SUCCEEDED, None, "", last_sequence=1), DURATIONS)
    )
    assert (await world.task(task.task_id)).status is TaskStatus.COMPLETED


async def test_a_steer_of_the_last_moment_is_not_lost(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    await world.take_up(holder, task.task_id)
    await world.input(task.task_id, "wait", InputKind.STEER)
    await world.writer.write(
        lambda tx: turns.finish(tx, holder, AttemptEnd(AttemptPhase.SUCCEEDED, None, "", last_sequence=1), DURATIONS)
    )
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    (left,) = await world.reader.all(inputs.untaken(task.task_id))
    assert (left.text, left.kind) == ("wait", InputKind.STEER)


async def test_an_attempt_that_takes_nothing_up_is_not_repeated_for_ever(world: World) -> None:
    task = await world.new_task()
    await world.finished(await world.accepted(task.task_id))
    assert (await world.task(task.task_id)).status is TaskStatus.COMPLETED


async def test_a_failure_says_why(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    end = AttemptEnd(AttemptPhase.FAILED, FailureReason.CLONE, "no such branch", last_sequence=0)
    await world.writer.write(lambda tx: turns.finish(tx, holder, end, DURATIONS))
    failed = await world.task(task.task_id)
    assert (failed.status, failed.failure_reason, failed.status_reason) == (
        TaskStatus.FAILED,
        FailureReason.CLONE,
        "no such branch",
    )
    again = await world.input(task.task_id)
    assert (again.status, again.failure_reason, again.completed_time) == (TaskStatus.PENDING, None, None)


async def test_a_lost_runner_fails_the_task_with_words(world: World) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await world.lost(holder)
    lost = await world.task(task.task_id)
    assert (lost.status, lost.failure_reason) == (TaskStatus.FAILED, FailureReason.RUNNER_LOST)
    assert lost.status_reason
