"""The life of tasks and attempts, on the real store."""

import sqlite3

import pytest

from errand_common.errors import Conflict, Invalid, NotFound
from errand_common.values import AttemptPhase, FailureReason, InputKind, Role, TaskStatus
from errand_scheduler.lifecycle import asks, deadlines, records, turns
from errand_scheduler.lifecycle.decisions import Held, follows, next_fence
from errand_scheduler.lifecycle.records import MessageAdded, PhaseReported
from errand_scheduler.lifecycle.turns import AttemptEnd, Holder
from errand_scheduler.store import events, inputs
from errand_scheduler.store.messages import Message
from errand_scheduler.store.notices import InputsMoved
from tests.unit.scheduler.world import DURATIONS, OTHER_RUNNER, OTHER_USER, RUNNER, USER, World, event, reason_of


async def take_up(world: World, holder: Holder, task_id: str, sequence: int = 1) -> None:
    """The message that carries every input there is."""
    found = await world.reader.all(inputs.untaken(task_id))
    message = Message(message_id=world.ids.new("msg"), role=Role.USER, content=b"[]")
    told = event(sequence, MessageAdded(message, tuple(each.input_id for each in found)))
    await world.writer.write(lambda tx: records.store_events(tx, holder, [told]))


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


async def test_an_accepted_offer_does_not_expire(world: World) -> None:
    holder = await world.accepted((await world.new_task()).task_id)
    await world.writer.write(lambda tx: deadlines.expire_offer(tx, holder.attempt_id))
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.ACCEPTED


async def test_phases_follow_what_the_runner_reports_and_only_rise(world: World) -> None:
    holder = await world.accepted((await world.new_task()).task_id)
    for sequence, phase in enumerate((AttemptPhase.RUNNING, AttemptPhase.STARTING, AttemptPhase.STOPPING), start=1):
        told = event(sequence, PhaseReported(phase))
        await world.writer.write(lambda tx, told=told: records.store_events(tx, holder, [told]))  # type: ignore[misc]
        assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.RUNNING
    assert not follows(AttemptPhase.STOPPING, AttemptPhase.RUNNING)


async def test_a_finish_waits_for_every_event(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    end = AttemptEnd(phase=AttemptPhase.SUCCEEDED, failure=None, reason="", last_sequence=2)
    await world.writer.write(lambda tx: records.store_events(tx, holder, [event(1)]))
    with pytest.raises(Conflict) as refused:
        await world.writer.write(lambda tx: turns.finish(tx, holder, end))
    assert reason_of(refused.value) == "EVENT_GAP"
    await world.writer.write(lambda tx: records.store_events(tx, holder, [event(2)]))
    for _ in range(2):
        await world.writer.write(lambda tx: turns.finish(tx, holder, end))
    assert (await world.task(task.task_id)).status is TaskStatus.COMPLETED


async def test_events_are_stored_once_and_in_order(world: World) -> None:
    holder = await world.accepted((await world.new_task()).task_id)

    async def send(*sequences: int) -> int:
        batch = [event(sequence) for sequence in sequences]
        return await world.writer.write(lambda tx: records.store_events(tx, holder, batch))

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
        await world.writer.write(lambda tx: records.store_events(tx, holder, batch))
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


async def test_stopping_a_pending_task_cancels_it(world: World) -> None:
    task = await world.new_task()
    assert (await world.stopped(task.task_id)).status is TaskStatus.CANCELLED
    assert (await world.stopped(task.task_id)).completed_time == (await world.task(task.task_id)).completed_time


async def test_stopping_an_offered_task_withdraws_the_offer(world: World) -> None:
    task = await world.new_task()
    holder = await world.offered(task.task_id)
    assert (await world.stopped(task.task_id)).status is TaskStatus.CANCELLED
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.WITHDRAWN


@pytest.mark.parametrize("phase", [AttemptPhase.CANCELLED, AttemptPhase.SUCCEEDED, AttemptPhase.TIMED_OUT])
async def test_a_stop_is_never_lost_however_the_attempt_ends(world: World, phase: AttemptPhase) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    assert (await world.stopped(task.task_id)).status is TaskStatus.RUNNING
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.STOPPING
    for _ in range(2):
        await world.finished(holder, phase)
    assert (await world.task(task.task_id)).status is TaskStatus.CANCELLED


async def test_a_stop_needs_no_runner(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    assert (await world.stopped(task.task_id, runner_present=False)).status is TaskStatus.CANCELLED
    with pytest.raises(Conflict) as refused:
        await world.finished(holder)
    assert reason_of(refused.value) == "LEASE_SUPERSEDED"


async def test_a_stop_that_the_runner_does_not_finish_is_finished_without_it(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    await world.stopped(task.task_id)
    await world.writer.write(lambda tx: deadlines.finish_stop(tx, holder.attempt_id))
    assert (await world.task(task.task_id)).status is TaskStatus.CANCELLED


async def test_what_is_asked_during_a_stop_goes_on_after_it_unless_stopped_again(world: World) -> None:
    first, second = await world.new_task(), await world.new_task()
    for task, status in ((first, TaskStatus.PENDING), (second, TaskStatus.CANCELLED)):
        holder = await world.accepted(task.task_id)
        await world.stopped(task.task_id)
        await world.input(task.task_id)
        if status is TaskStatus.CANCELLED:
            await world.stopped(task.task_id)
        await world.finished(holder, AttemptPhase.CANCELLED)
        assert (await world.task(task.task_id)).status is status


async def test_a_success_with_more_to_do_goes_on_and_one_without_completes(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    await take_up(world, holder, task.task_id)
    await world.input(task.task_id)
    await world.writer.write(
        lambda tx: turns.finish(tx, holder, AttemptEnd(AttemptPhase.SUCCEEDED, None, "", last_sequence=1))
    )
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    holder = await world.accepted(task.task_id)
    await take_up(world, holder, task.task_id)
    await world.writer.write(
        lambda tx: turns.finish(tx, holder, AttemptEnd(AttemptPhase.SUCCEEDED, None, "", last_sequence=1))
    )
    assert (await world.task(task.task_id)).status is TaskStatus.COMPLETED


async def test_a_steer_of_the_last_moment_is_not_lost(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    await take_up(world, holder, task.task_id)
    await world.input(task.task_id, "wait", InputKind.STEER)
    await world.writer.write(
        lambda tx: turns.finish(tx, holder, AttemptEnd(AttemptPhase.SUCCEEDED, None, "", last_sequence=1))
    )
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    (left,) = await world.reader.all(inputs.untaken(task.task_id))
    assert (left.text, left.kind) == ("wait", InputKind.STEER)


async def test_a_stop_wins_over_a_steer_that_was_written_before_it(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    await take_up(world, holder, task.task_id)
    await world.input(task.task_id, "wait", InputKind.STEER)
    await world.stopped(task.task_id)
    await world.writer.write(
        lambda tx: turns.finish(tx, holder, AttemptEnd(AttemptPhase.CANCELLED, None, "", last_sequence=1))
    )
    assert (await world.task(task.task_id)).status is TaskStatus.CANCELLED


async def test_who_watches_a_runner_is_told_when_its_attempts_inputs_move(world: World) -> None:
    idle, task = await world.new_task(), await world.new_task()
    holder = await world.accepted(task.task_id)
    world.notices.clear()
    await world.input(idle.task_id)
    assert InputsMoved(runner_id=RUNNER) not in world.notices
    await world.input(task.task_id)
    assert world.notices.count(InputsMoved(runner_id=RUNNER)) == 1
    await take_up(world, holder, task.task_id)
    assert world.notices.count(InputsMoved(runner_id=RUNNER)) == 2


async def test_an_attempt_that_takes_nothing_up_is_not_repeated_for_ever(world: World) -> None:
    task = await world.new_task()
    await world.finished(await world.accepted(task.task_id))
    assert (await world.task(task.task_id)).status is TaskStatus.COMPLETED


async def test_a_failure_says_why(world: World) -> None:
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    end = AttemptEnd(AttemptPhase.FAILED, FailureReason.CLONE, "no such branch", last_sequence=0)
    await world.writer.write(lambda tx: turns.finish(tx, holder, end))
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
    holder = await world.accepted(task.task_id)
    await world.writer.write(lambda tx: deadlines.lose(tx, holder.attempt_id))
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


async def test_an_inventory_is_judged_attempt_by_attempt(world: World) -> None:
    kept, stopping, over = [await world.accepted((await world.new_task()).task_id) for _ in range(3)]
    await world.stopped((await world.attempt(stopping.attempt_id)).task_id)
    await world.finished(over)
    stale = Holder(runner_id=RUNNER, attempt_id=kept.attempt_id, fence=kept.fence + 1)
    held = [kept, stopping, over, stale, Holder(runner_id=RUNNER, attempt_id="att_none", fence=1)]
    verdicts = await world.writer.write(
        lambda tx: deadlines.take_inventory(tx, runner_id=RUNNER, version="1", held=held, forgotten_are_lost=True)
    )
    assert verdicts == [Held.KEEP, Held.STOP, Held.FORGET, Held.FORGET, Held.FORGET]


async def test_what_a_restarted_runner_forgot_is_begun_anew_or_failed(world: World) -> None:
    unbegun, begun, others = [await world.new_task() for _ in range(3)]
    await world.accepted(unbegun.task_id)
    holder = await world.accepted(begun.task_id)
    await world.accepted(others.task_id, runner_id=OTHER_RUNNER)
    offered = await world.offered((await world.new_task()).task_id)
    await world.writer.write(lambda tx: records.store_events(tx, holder, [event(1)]))
    await world.writer.write(
        lambda tx: deadlines.take_inventory(tx, runner_id=RUNNER, version="1", held=[], forgotten_are_lost=True)
    )
    assert (await world.task(unbegun.task_id)).status is TaskStatus.PENDING
    assert (await world.task(begun.task_id)).failure_reason is FailureReason.RUNNER_LOST
    assert (await world.task(others.task_id)).status is TaskStatus.RUNNING
    assert (await world.attempt(offered.attempt_id)).phase is AttemptPhase.OFFERED


async def test_a_reconnecting_runner_forgets_nothing(world: World) -> None:
    task = await world.new_task()
    await world.accepted(task.task_id)
    await world.writer.write(
        lambda tx: deadlines.take_inventory(tx, runner_id=RUNNER, version="1", held=[], forgotten_are_lost=False)
    )
    assert (await world.task(task.task_id)).status is TaskStatus.RUNNING


async def test_another_users_task_is_not_found(world: World) -> None:
    task = await world.new_task()
    for ask in (
        lambda tx: asks.stop_task(
            tx, user_id=OTHER_USER, task_id=task.task_id, runner_present=True, durations=DURATIONS
        ),
        lambda tx: asks.add_input(
            tx, user_id=OTHER_USER, task_id=task.task_id, text="x", kind=InputKind.STEER, input_id="inp_x"
        ),
        lambda tx: asks.create_task(
            tx, user_id=OTHER_USER, project_id=task.project_id, prompt="x", task_id="tsk_x", input_id="inp_x"
        ),
    ):
        with pytest.raises(NotFound):
            await world.writer.write(ask)


async def test_a_refused_repository_fails_what_waits_for_it(world: World) -> None:
    waits, runs = await world.new_task(), await world.new_task()
    await world.accepted(runs.task_id)
    await world.writer.write(lambda tx: deadlines.fail_pending(tx, waits.project_id, reason="you may not push"))
    failed = await world.task(waits.task_id)
    assert (failed.failure_reason, failed.status_reason) == (FailureReason.REPOSITORY, "you may not push")
    assert (await world.task(runs.task_id)).status is TaskStatus.RUNNING
    assert failed.user_id == USER
