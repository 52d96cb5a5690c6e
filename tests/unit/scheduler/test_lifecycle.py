"""The life of tasks and attempts, on the real store."""

import sqlite3
from collections.abc import Callable

import pytest

from errand_common.errors import Conflict, Exhausted, Invalid, NotFound
from errand_common.values import AttemptPhase, FailureReason, InputKind, Role, TaskStatus
from errand_scheduler.lifecycle import asks, deadlines, retries, turns
from errand_scheduler.lifecycle.decisions import Held, follows, next_fence, on_held
from errand_scheduler.lifecycle.effects import MessageAdded, PhaseReported
from errand_scheduler.lifecycle.turns import AttemptEnd, Holder
from errand_scheduler.store import events, inputs, meta
from errand_scheduler.store.messages import Message
from errand_scheduler.store.meta import Meta
from errand_scheduler.store.notices import InputsMoved
from errand_scheduler.store.transaction import Tx
from tests.unit.scheduler.world import (
    ALLOWANCE,
    DURATIONS,
    OTHER_RUNNER,
    OTHER_USER,
    RUNNER,
    USER,
    World,
    event,
    reason_of,
)


async def test_a_fence_rises_with_every_attempt_and_above_every_older_generation(world: World) -> None:
    task = await world.new_task()
    first = await world.accepted(task.task_id)
    await world.finished(first, AttemptPhase.CANCELLED)
    await world.input(task.task_id)
    second = await world.offered(task.task_id)
    assert (first.fence, second.fence) == (1, 2)
    assert next_fence(2, 1) == (1 << 32) + 1
    assert next_fence((1 << 32) + 5, 1) == (1 << 32) + 6


async def test_a_task_has_one_live_attempt_at_most(world: World) -> None:
    task = await world.new_task()
    await world.offered(task.task_id)
    again = await world.writer.write(
        lambda tx: turns.offer(
            tx, task_id=task.task_id, runner_id=OTHER_RUNNER, attempt_id="att_2", durations=DURATIONS
        )
    )
    assert again is None


async def test_only_the_holder_accepts_and_again_changes_nothing(world: World) -> None:
    task = await world.new_task()
    holder = await world.offered(task.task_id)
    strangers = [
        Holder(runner_id=OTHER_RUNNER, attempt_id=holder.attempt_id, fence=holder.fence),
        Holder(runner_id=RUNNER, attempt_id=holder.attempt_id, fence=holder.fence - 1),
        Holder(runner_id=RUNNER, attempt_id="att_none", fence=holder.fence),
    ]
    for stranger in strangers:
        with pytest.raises(Conflict) as refused:
            await world.writer.write(lambda tx, who=stranger: turns.accept(tx, who, DURATIONS))  # type: ignore[misc]
        assert reason_of(refused.value) == "LEASE_SUPERSEDED"
    for _ in range(2):
        await world.writer.write(lambda tx: turns.accept(tx, holder, DURATIONS))
    assert (await world.task(task.task_id)).status is TaskStatus.RUNNING
    moves = [each.event_id for each in await world.reader.all(events.of_task(task.task_id, after=0, limit=99))]
    assert len(moves) == 4  # pending, offered, accepted, running


async def test_an_expired_offer_leaves_the_task_pending_and_cannot_be_accepted(world: World) -> None:
    task = await world.new_task()
    holder = await world.offered(task.task_id)
    await world.writer.write(lambda tx: deadlines.expire_offer(tx, holder.attempt_id))
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.WITHDRAWN
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    with pytest.raises(Conflict) as refused:
        await world.writer.write(lambda tx: turns.accept(tx, holder, DURATIONS))
    assert reason_of(refused.value) == "LEASE_SUPERSEDED"
    await world.accepted(task.task_id)


async def test_an_offer_of_a_restored_backup_cannot_be_accepted(world: World) -> None:
    task = await world.new_task()
    holder = await world.offered(task.task_id)
    await world.writer.write(lambda tx: meta.rename(tx, Meta(epoch="e1", generation=1)))
    with pytest.raises(Conflict) as refused:
        await world.writer.write(lambda tx: turns.accept(tx, holder, DURATIONS))
    assert reason_of(refused.value) == "LEASE_SUPERSEDED"
    await world.writer.write(lambda tx: deadlines.expire_offer(tx, holder.attempt_id))
    assert (await world.accepted(task.task_id)).fence == (1 << 32) + 1


async def test_an_accepted_offer_does_not_expire(world: World) -> None:
    holder = await world.accepted((await world.new_task()).task_id)
    await world.writer.write(lambda tx: deadlines.expire_offer(tx, holder.attempt_id))
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.ACCEPTED


async def test_phases_follow_what_the_runner_reports_and_only_rise(world: World) -> None:
    holder = await world.accepted((await world.new_task()).task_id)
    for sequence, phase in enumerate((AttemptPhase.RUNNING, AttemptPhase.STARTING, AttemptPhase.STOPPING), start=1):
        told = event(sequence, PhaseReported(phase))
        await world.told(holder, told)
        assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.RUNNING
    assert not follows(AttemptPhase.STOPPING, AttemptPhase.RUNNING)


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


async def test_events_are_stored_once_and_in_order(world: World) -> None:
    holder = await world.accepted((await world.new_task()).task_id)

    async def send(*sequences: int) -> int:
        return await world.told(holder, *(event(sequence) for sequence in sequences))

    assert await send(1, 2) == 2
    assert await send(1, 2, 3) == 3
    assert await send(2) == 3
    for hole in ((5,), (4, 6), (4, 4)):
        with pytest.raises(Conflict) as refused:
            await send(*hole)
        assert reason_of(refused.value) == "EVENT_GAP"
    assert (await world.attempt(holder.attempt_id)).acked_sequence == 3
    await world.finished(holder)
    assert await send(3) == 3
    with pytest.raises(Conflict) as late:
        await send(4)
    assert reason_of(late.value) == "LEASE_SUPERSEDED"


async def test_an_event_that_is_refused_leaves_nothing_of_its_batch(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    message = Message(message_id="msg_1", role=Role.USER, content=b"[]")
    batch = [event(1, MessageAdded(message)), event(2, MessageAdded(message))]
    with pytest.raises(Invalid, match="msg_1"):
        await world.told(holder, *batch)
    assert (await world.attempt(holder.attempt_id)).acked_sequence == 0
    assert len(await world.reader.all(events.of_task(task.task_id, after=0, limit=99))) == 4


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


async def test_who_watches_a_runner_is_told_when_its_attempts_inputs_move(world: World) -> None:
    idle, task = await world.new_task(), await world.new_task()
    holder = await world.accepted(task.task_id)
    told = InputsMoved(runner_id=RUNNER, attempt_id=holder.attempt_id)
    world.notices.clear()
    await world.input(idle.task_id)
    assert not [notice for notice in world.notices if isinstance(notice, InputsMoved)]
    await world.input(task.task_id)
    assert world.notices.count(told) == 1
    await world.take_up(holder, task.task_id)
    assert world.notices.count(told) == 2


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


async def test_a_silent_runner_is_shown_and_forgotten_when_it_is_back(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    for _ in range(2):
        await world.writer.write(lambda tx: deadlines.mark_away(tx, holder.attempt_id))
    assert "not heard of" in (await world.task(task.task_id)).status_reason
    assert (await world.attempt(holder.attempt_id)).disconnected
    for _ in range(2):
        await world.writer.write(lambda tx: deadlines.mark_back(tx, holder.attempt_id))
    assert (await world.task(task.task_id)).status_reason == ""
    assert len(await world.reader.all(events.of_task(task.task_id, after=0, limit=99))) == 6


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
    assert failed.user_id == USER
