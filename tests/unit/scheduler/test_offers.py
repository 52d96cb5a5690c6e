"""Offers: made once under a rising fence, accepted by their holder, taken back in time; phases that only rise."""

import pytest

from errand_common.errors import Conflict
from errand_common.values import AttemptPhase, TaskStatus
from errand_scheduler.lifecycle import deadlines, turns
from errand_scheduler.lifecycle.decisions import follows, next_fence
from errand_scheduler.lifecycle.effects import PhaseReported
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.store import events, meta
from errand_scheduler.store.meta import Meta
from tests.unit.scheduler.world import (
    DURATIONS,
    OTHER_RUNNER,
    RUNNER,
    World,
    event,
    reason_of,
)


async def test_a_fence_rises_with_every_attempt(world: World) -> None:
    task = await world.new_task()
    first = await world.accepted(task.task_id)
    await world.finished(first, AttemptPhase.CANCELLED)
    await world.input(task.task_id)
    second = await world.offered(task.task_id)
    assert (first.fence, second.fence) == (1, 2)


def test_a_fence_is_above_those_of_every_older_generation() -> None:
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


async def test_a_task_that_does_not_wait_is_not_offered(world: World) -> None:
    task = await world.new_task()
    await world.finished(await world.accepted(task.task_id), AttemptPhase.SUCCEEDED)
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


async def test_that_a_runner_is_silent_is_shown_until_it_is_back(world: World) -> None:
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
