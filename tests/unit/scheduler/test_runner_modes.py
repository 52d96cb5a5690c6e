"""What an operator wants of a runner, as it reaches its attempts and their tasks."""

import pytest

from errand.v1.dispatch_service_pb2 import LeaveRequest
from errand_common.clock import Instant
from errand_common.values import AttemptPhase, RunnerMode, TaskStatus
from errand_scheduler.edges.leaving import Leaving
from errand_scheduler.lifecycle import deadlines, runners
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.modes import Modes
from errand_scheduler.placing import seats
from errand_scheduler.store import audit
from errand_scheduler.store import runners as stored
from errand_scheduler.store.attempts import StopCause
from errand_scheduler.store.notices import RunnerModeSet
from errand_scheduler.store.runners import Runner
from tests.unit.scheduler.world import ALLOWANCE, DURATIONS, RUNNER, StillClock, World

ELSEWHERE = "its runner is taken out of service; it goes on elsewhere"


async def set_mode(world: World, mode: RunnerMode, drain_s: float | None = None) -> None:
    await world.writer.write(lambda tx: runners.set_mode(tx, RUNNER, mode, drain_s=drain_s))


async def stop_drained(world: World, holder: Holder) -> AttemptPhase:
    await world.writer.write(lambda tx: runners.stop_drained(tx, holder.attempt_id, DURATIONS))
    return (await world.attempt(holder.attempt_id)).phase


async def drained(world: World) -> tuple[str, Holder]:
    """A task whose attempt is being stopped, as its runner is drained."""
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await set_mode(world, RunnerMode.DRAINING, 0.0)
    assert await stop_drained(world, holder) is AttemptPhase.STOPPING
    return task.task_id, holder


@pytest.mark.parametrize("mode", [RunnerMode.CORDONED, RunnerMode.DRAINING, RunnerMode.LEAVING])
async def test_what_is_only_offered_is_withdrawn_and_what_is_accepted_goes_on(world: World, mode: RunnerMode) -> None:
    first, second = await world.new_task(), await world.new_task()
    offered, accepted = await world.offered(first.task_id), await world.accepted(second.task_id)
    await set_mode(world, mode)
    assert (await world.attempt(offered.attempt_id)).phase is AttemptPhase.WITHDRAWN
    assert (await world.task(first.task_id)).status is TaskStatus.PENDING
    assert (await world.attempt(accepted.attempt_id)).phase is AttemptPhase.ACCEPTED


async def test_a_task_that_a_drain_stopped_goes_on_elsewhere(world: World) -> None:
    task_id, holder = await drained(world)
    stopping = await world.task(task_id)
    assert (stopping.status, stopping.status_reason) == (TaskStatus.RUNNING, f"stopping: {ELSEWHERE}")
    await world.finished(holder, AttemptPhase.CANCELLED, reason="stopped")
    task, attempt = await world.task(task_id), await world.attempt(holder.attempt_id)
    assert (task.status, task.status_reason, task.retry_count) == (TaskStatus.PENDING, ELSEWHERE, 0)
    assert (attempt.phase, attempt.stop_cause, attempt.reason) == (
        AttemptPhase.CANCELLED,
        StopCause.DRAIN,
        ELSEWHERE,
    )


async def test_a_task_that_a_drain_stopped_goes_on_elsewhere_though_its_runner_never_answers(world: World) -> None:
    task_id, holder = await drained(world)
    await world.writer.write(lambda tx: deadlines.finish_stop(tx, holder.attempt_id, DURATIONS))
    assert (await world.task(task_id)).status is TaskStatus.PENDING


async def test_a_task_that_a_drain_stopped_and_that_was_done_all_the_same_is_done(world: World) -> None:
    task_id, holder = await drained(world)
    await world.take_up(holder, task_id)
    await world.finished(holder, AttemptPhase.SUCCEEDED)
    assert (await world.task(task_id)).status is TaskStatus.COMPLETED


async def test_a_persons_stop_stands_over_a_drain(world: World) -> None:
    task_id, holder = await drained(world)
    await world.stopped(task_id)
    await world.finished(holder, AttemptPhase.CANCELLED)
    assert (await world.task(task_id)).status is TaskStatus.CANCELLED


async def test_what_waits_for_a_person_is_left_to_park(world: World) -> None:
    task = await world.new_task()
    holder = await world.hot(task.task_id, ALLOWANCE)
    await set_mode(world, RunnerMode.DRAINING, 0.0)
    assert await stop_drained(world, holder) is AttemptPhase.RUNNING
    assert (await world.task(task.task_id)).status is TaskStatus.WAITING


async def test_a_drain_that_was_called_off_stops_nothing(world: World) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await set_mode(world, RunnerMode.DRAINING, 0.0)
    await set_mode(world, RunnerMode.ACTIVE)
    assert await stop_drained(world, holder) is AttemptPhase.RUNNING


async def test_who_leaves_is_removed_once_nothing_is_left_of_it(world: World) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await set_mode(world, RunnerMode.LEAVING, 60.0)

    async def looked() -> bool:
        await world.writer.write(lambda tx: runners.remove_left(tx, RUNNER, DURATIONS))
        runner = await world.reader.one(stored.by_id(RUNNER))
        assert runner is not None
        return runner.removed

    assert not await looked()
    assert await stop_drained(world, holder) is AttemptPhase.STOPPING
    await world.finished(holder, AttemptPhase.CANCELLED)
    assert await looked()
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING


async def test_that_a_runner_left_is_noted_once_when_it_asks_and_once_when_it_is_gone(world: World) -> None:
    leaving = Leaving(world.writer, of_settings=())
    for _ in range(2):
        assert (await leaving.leave(RUNNER, LeaveRequest())).attempts == 0
    for _ in range(2):
        await world.writer.write(lambda tx: runners.remove_left(tx, RUNNER, DURATIONS))
    noted = await world.reader.all(audit.page(before=None, limit=10))
    assert [(each.caller, each.action, each.subject_id) for each in noted] == [
        (RUNNER, "leave", RUNNER),
        (RUNNER, "set_runner_leaving", RUNNER),
    ]


@pytest.mark.parametrize("mode", [RunnerMode.ACTIVE, RunnerMode.DRAINING])
async def test_who_does_not_leave_stays(world: World, mode: RunnerMode) -> None:
    await set_mode(world, mode)
    await world.writer.write(lambda tx: runners.remove_left(tx, RUNNER, DURATIONS))
    runner = await world.reader.one(stored.by_id(RUNNER))
    assert runner is not None
    assert not runner.removed


async def test_who_is_revoked_loses_what_it_has(world: World) -> None:
    begun, early, offered = [await world.new_task() for _ in range(3)]
    await world.running(begun.task_id)
    await world.accepted(early.task_id)
    await world.offered(offered.task_id)
    await world.writer.write(lambda tx: runners.revoke(tx, RUNNER, DURATIONS))
    assert [(await world.task(each.task_id)).status for each in (begun, early, offered)] == [
        TaskStatus.FAILED,
        TaskStatus.PENDING,
        TaskStatus.PENDING,
    ]
    assert "revoked" in (await world.task(begun.task_id)).status_reason


def test_a_drain_comes_due_by_the_clock_that_does_not_jump() -> None:
    clock = StillClock()
    modes = Modes(clock)
    now = Instant(clock.now_us(), clock.boot_s())
    modes.follow(RunnerModeSet(RUNNER, RunnerMode.DRAINING, now.wall_us + 60_000_000, set_at=now))
    clock.offset_s = 3600.0
    assert modes.condition(RUNNER) == seats.DRAINING
    assert not modes.overdue(RUNNER)
    clock.move(60)
    assert modes.overdue(RUNNER)
    modes.follow(RunnerModeSet(RUNNER, RunnerMode.ACTIVE, None, set_at=now))
    assert not modes.overdue(RUNNER)
    assert modes.condition(RUNNER) == ""


@pytest.mark.parametrize(("wall_s", "left_s"), [(0, 60), (20, 40), (-3600, 60), (3600, 0)])
def test_after_a_restart_a_drain_has_at_most_its_whole_time_left(wall_s: int, left_s: int) -> None:
    clock = StillClock()
    set_at = clock.now_us() - wall_s * 1_000_000
    modes = Modes(clock)
    runner = Runner(RUNNER, "box", mode=RunnerMode.DRAINING, mode_time=set_at, drain_time=set_at + 60_000_000)
    modes.restore([runner])
    clock.move(left_s - 0.1)
    assert not modes.overdue(RUNNER)
    clock.move(0.2)
    assert modes.overdue(RUNNER)
