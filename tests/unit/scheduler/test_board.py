"""Leases and deadlines, with a clock that is moved."""

import pytest

from errand_common.values import AttemptPhase, TaskStatus
from errand_scheduler.board import Board, Due
from errand_scheduler.lifecycle.decisions import Held
from errand_scheduler.lifecycle.effects import PhaseReported
from errand_scheduler.lifecycle.turns import Holder
from tests.unit.scheduler.swept import Watched, follow
from tests.unit.scheduler.world import DURATIONS, OTHER_RUNNER, QUOTA, World, event


async def test_an_offer_is_taken_back_after_three_beats(world: World) -> None:
    watched = Watched(world)
    holder = await world.offered((await world.new_task()).task_id)
    await watched.sweep()
    await watched.pass_beats(2.5)
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.OFFERED
    await watched.pass_beats(0.5)
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.WITHDRAWN
    assert list(watched.board.attempts()) == []


async def test_a_beating_runner_keeps_its_attempt_for_ever(world: World) -> None:
    watched = Watched(world)
    holder = await world.running((await world.new_task()).task_id)
    await watched.sweep()
    await watched.pass_beats(200, holder)
    attempt = await world.attempt(holder.attempt_id)
    assert (attempt.phase, attempt.disconnected) == (AttemptPhase.RUNNING, False)
    assert watched.board.lease_renewed(holder.attempt_id)


async def test_a_silent_runner_is_away_after_six_beats_and_lost_after_120(world: World) -> None:
    watched = Watched(world)
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await watched.sweep()
    await watched.pass_beats(6)
    assert watched.board.lease_renewed(holder.attempt_id)
    await watched.pass_beats(0.5)
    assert (await world.attempt(holder.attempt_id)).disconnected
    assert not watched.board.lease_renewed(holder.attempt_id)
    await watched.pass_beats(113)
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.RUNNING
    await watched.pass_beats(1)
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.LOST
    assert (await world.task(task.task_id)).status is TaskStatus.FAILED


async def test_a_runner_that_comes_back_is_shown_so(world: World) -> None:
    watched = Watched(world)
    holder = await world.accepted((await world.new_task()).task_id)
    await watched.sweep()
    await watched.pass_beats(10)
    await watched.pass_beats(1, holder)
    assert not (await world.attempt(holder.attempt_id)).disconnected


async def test_a_stop_ends_within_its_lease_or_its_deadline(world: World) -> None:
    watched = Watched(world)
    silent, beating = [await world.accepted((await world.new_task()).task_id) for _ in range(2)]
    for holder in (silent, beating):
        await world.stopped((await world.attempt(holder.attempt_id)).task_id)
    await watched.sweep()
    await watched.pass_beats(7, beating)
    assert (await world.attempt(silent.attempt_id)).phase is AttemptPhase.CANCELLED
    assert (await world.attempt(beating.attempt_id)).phase is AttemptPhase.STOPPING
    await watched.pass_beats(17, beating)
    assert (await world.attempt(beating.attempt_id)).phase is AttemptPhase.CANCELLED


async def test_after_a_restart_everybody_has_two_leases_to_be_heard_of(world: World) -> None:
    holder = await world.running((await world.new_task()).task_id)
    world.clock.move(3600)
    watched = Watched(world)
    await watched.restore(world.reader)
    await watched.pass_beats(12)
    assert not (await world.attempt(holder.attempt_id)).disconnected
    assert not watched.board.lease_renewed(holder.attempt_id)
    assert watched.board.renew(holder) is Held.KEEP
    assert watched.board.lease_renewed(holder.attempt_id)


async def test_after_a_restart_an_offer_that_nobody_took_is_taken_back(world: World) -> None:
    holder = await world.offered((await world.new_task()).task_id)
    world.clock.move(3600)
    watched = Watched(world)
    await watched.restore(world.reader)
    await watched.sweep()
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.WITHDRAWN


async def test_a_scheduler_that_was_suspended_blames_nobody(world: World) -> None:
    watched = Watched(world)
    holder = await world.running((await world.new_task()).task_id)
    await watched.sweep()
    world.clock.move(100 * DURATIONS.lost_s)
    await watched.sweep()
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.RUNNING
    await watched.pass_beats(11)
    assert not (await world.attempt(holder.attempt_id)).disconnected


async def test_only_the_holder_renews_and_others_hear_that_it_is_over(world: World) -> None:
    board = Board(world.clock, DURATIONS)
    holder = await world.accepted((await world.new_task()).task_id)
    follow(world, board)
    world.clock.move(DURATIONS.lease_s + 1)
    assert [(due, each.attempt_id) for due, each in board.due()] == [(Due.AWAY, holder.attempt_id)]
    for stranger in (
        Holder(runner_id=OTHER_RUNNER, attempt_id=holder.attempt_id, fence=holder.fence),
        Holder(runner_id=holder.runner_id, attempt_id=holder.attempt_id, fence=holder.fence + 1),
    ):
        assert board.renew(stranger) is Held.FORGET
        assert board.held(stranger) is None
    assert [(due, each.attempt_id) for due, each in board.due()] == [(Due.AWAY, holder.attempt_id)]
    await world.stopped((await world.attempt(holder.attempt_id)).task_id)
    follow(world, board)
    assert board.renew(holder) is Held.STOP


@pytest.mark.parametrize(
    ("phase", "beats"),
    [(AttemptPhase.ACCEPTED, 12), (AttemptPhase.STARTING, 720), (AttemptPhase.RUNNING, 17_280)],
)
async def test_a_phase_that_takes_too_long_is_ended(world: World, phase: AttemptPhase, beats: int) -> None:
    watched = Watched(world)
    holder = await world.accepted((await world.new_task()).task_id)
    await world.told(holder, event(1, PhaseReported(phase)))
    await watched.sweep()
    await watched.leap(beats - 7, holder)
    await watched.pass_beats(0.5, holder)
    assert (await world.attempt(holder.attempt_id)).phase is phase
    await watched.pass_beats(0.5, holder)
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.STOPPING


async def test_a_runner_that_was_away_has_half_a_lease_to_tell_what_it_did(world: World) -> None:
    watched = Watched(world)
    holder = await world.accepted((await world.new_task()).task_id)
    await watched.sweep()
    await watched.pass_beats(20)
    await watched.pass_beats(2.5, holder)
    attempt = await world.attempt(holder.attempt_id)
    assert (attempt.phase, attempt.disconnected) == (AttemptPhase.ACCEPTED, False)
    await watched.pass_beats(1, holder)
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.STOPPING


async def test_a_runner_that_is_heard_once_and_never_again_does_not_keep_an_attempt_that_is_overdue(
    world: World,
) -> None:
    watched = Watched(world)
    holder = await world.accepted((await world.new_task()).task_id)
    await watched.sweep()
    await watched.pass_beats(20)
    await watched.pass_beats(0.5, holder)
    await watched.pass_beats(3.5)
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.STOPPING


async def test_nothing_is_late_for_two_leases_after_a_restart(world: World) -> None:
    holder = await world.accepted((await world.new_task()).task_id)
    task = await world.new_task()
    world.clock.move(DURATIONS.waiting_s)
    watched = Watched(world)
    await watched.restore(world.reader)
    await watched.pass_beats(11.5, holder)
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.ACCEPTED
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    await watched.pass_beats(1, holder)
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.STOPPING
    assert (await world.task(task.task_id)).status is TaskStatus.FAILED


async def test_a_stop_ends_while_the_disk_is_full_and_nothing_else_does(world: World) -> None:
    watched = Watched(world)
    stopping, silent = [await world.running((await world.new_task()).task_id) for _ in range(2)]
    offered = await world.offered((await world.new_task()).task_id)
    parked = (await world.new_task()).task_id
    await world.parked(parked, QUOTA)
    await world.stopped((await world.attempt(stopping.attempt_id)).task_id)
    watched.disk.full = True
    await watched.sweep()
    await watched.pass_beats(23, stopping)
    assert (await world.attempt(stopping.attempt_id)).phase is AttemptPhase.STOPPING
    await watched.pass_beats(1, stopping)
    over = await world.attempt(stopping.attempt_id)
    assert over.phase is AttemptPhase.CANCELLED
    assert (await world.task(over.task_id)).status is TaskStatus.CANCELLED
    await watched.pass_beats(150)
    assert not (await world.attempt(silent.attempt_id)).disconnected
    assert (await world.attempt(offered.attempt_id)).phase is AttemptPhase.OFFERED
    assert (await world.task(parked)).status is TaskStatus.WAITING


async def test_nobody_is_late_while_the_disk_is_full_and_for_a_lease_after_that(world: World) -> None:
    watched = Watched(world)
    holder = await world.running((await world.new_task()).task_id)
    offered = await world.offered((await world.new_task()).task_id)
    await watched.sweep()
    watched.disk.full = True
    await watched.pass_beats(300)
    watched.disk.full = False
    await watched.pass_beats(6)
    attempt = await world.attempt(holder.attempt_id)
    assert (attempt.phase, attempt.disconnected) == (AttemptPhase.RUNNING, False)
    assert (await world.attempt(offered.attempt_id)).phase is AttemptPhase.OFFERED
    await watched.pass_beats(7)
    assert (await world.attempt(holder.attempt_id)).disconnected
    assert (await world.attempt(offered.attempt_id)).phase is AttemptPhase.WITHDRAWN
