"""Leases and deadlines, with a clock that is moved."""

from errand_common.values import AttemptPhase, TaskStatus
from errand_scheduler.board import Board, Due
from errand_scheduler.lifecycle.decisions import Held
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.store import attempts
from errand_scheduler.store.notices import AttemptMoved
from errand_scheduler.sweeper import Sweeper
from tests.unit.scheduler.world import DURATIONS, OTHER_RUNNER, World


def follow(world: World, board: Board) -> None:
    """What the announcer does with the notices so far."""
    for notice in world.notices:
        if isinstance(notice, AttemptMoved):
            board.apply(notice.attempt)
    world.notices.clear()


class Watched:
    """A board that follows a world, swept twice a beat."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.board = Board(world.clock, DURATIONS)
        self.sweeper = Sweeper(world.writer, self.board, world.clock, DURATIONS)

    async def pass_beats(self, beats: float, *beating: Holder) -> None:
        for _ in range(int(beats * 2)):
            self.world.clock.move(DURATIONS.beat_s / 2)
            for holder in beating:
                self.board.renew(holder)
            await self.sweep()

    async def sweep(self) -> None:
        follow(self.world, self.board)
        await self.sweeper.sweep()
        follow(self.world, self.board)


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
    holder = await world.accepted((await world.new_task()).task_id)
    await watched.sweep()
    await watched.pass_beats(200, holder)
    attempt = await world.attempt(holder.attempt_id)
    assert (attempt.phase, attempt.disconnected) == (AttemptPhase.ACCEPTED, False)
    assert watched.board.lease_renewed(holder.attempt_id)


async def test_a_silent_runner_is_away_after_six_beats_and_lost_after_120(world: World) -> None:
    watched = Watched(world)
    task = await world.new_task()
    holder = await world.accepted(task.task_id)
    await watched.sweep()
    await watched.pass_beats(6)
    assert watched.board.lease_renewed(holder.attempt_id)
    await watched.pass_beats(0.5)
    assert (await world.attempt(holder.attempt_id)).disconnected
    assert not watched.board.lease_renewed(holder.attempt_id)
    await watched.pass_beats(113)
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.ACCEPTED
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
    holder = await world.accepted((await world.new_task()).task_id)
    world.clock.move(3600)
    watched = Watched(world)
    watched.board.restore(await world.reader.all(attempts.live()))
    world.notices.clear()
    await watched.pass_beats(12)
    assert not (await world.attempt(holder.attempt_id)).disconnected
    assert not watched.board.lease_renewed(holder.attempt_id)
    assert watched.board.renew(holder) is Held.KEEP
    assert watched.board.lease_renewed(holder.attempt_id)


async def test_a_scheduler_that_was_suspended_blames_nobody(world: World) -> None:
    watched = Watched(world)
    holder = await world.accepted((await world.new_task()).task_id)
    await watched.sweep()
    world.clock.move(100 * DURATIONS.lost_s)
    await watched.sweep()
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.ACCEPTED
    await watched.pass_beats(11)
    assert not (await world.attempt(holder.attempt_id)).disconnected


async def test_only_the_holder_renews_and_others_hear_that_it_is_over(world: World) -> None:
    board = Board(world.clock, DURATIONS)
    holder = await world.accepted((await world.new_task()).task_id)
    follow(world, board)
    world.clock.move(DURATIONS.lease_s + 1)
    assert board.due() == [(Due.AWAY, holder.attempt_id)]
    for stranger in (
        Holder(runner_id=OTHER_RUNNER, attempt_id=holder.attempt_id, fence=holder.fence),
        Holder(runner_id=holder.runner_id, attempt_id=holder.attempt_id, fence=holder.fence + 1),
    ):
        assert board.renew(stranger) is Held.FORGET
        assert board.held(stranger) is None
    assert board.due() == [(Due.AWAY, holder.attempt_id)]
    await world.stopped((await world.attempt(holder.attempt_id)).task_id)
    follow(world, board)
    assert board.renew(holder) is Held.STOP
