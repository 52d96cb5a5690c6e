"""A task waits for a person or a quota, hot or parked, and goes on from there."""

import pytest

from errand_common.errors import Conflict
from errand_common.values import AttemptPhase, FailureReason, InputKind, TaskStatus, WaitReason
from errand_scheduler.lifecycle import deadlines, waits
from errand_scheduler.lifecycle.effects import ToolCallBegan
from errand_scheduler.lifecycle.waits import Wait
from errand_scheduler.store.notices import TaskMoved
from errand_scheduler.store.tool_calls import ToolCall
from tests.unit.scheduler.world import (
    ALLOWANCE,
    DURATIONS,
    OTHER_RUNNER,
    QUESTION,
    QUOTA,
    World,
    event,
    kinds_told,
    reason_of,
)


async def test_a_task_that_waits_says_for_what(world: World) -> None:
    task = await world.new_task()
    await world.hot(task.task_id, QUOTA)
    waiting = await world.task(task.task_id)
    assert (waiting.status, waiting.wait_reason, waiting.status_reason) == (
        TaskStatus.WAITING,
        WaitReason.QUOTA,
        "the quota is spent",
    )
    assert waiting.resume_time == waiting.deadline_time == world.clock.now_us() + 600_000_000


async def test_the_attempt_that_waits_goes_on_when_it_says_so(world: World) -> None:
    task = await world.new_task()
    holder = await world.hot(task.task_id)
    await world.input(task.task_id, "the left one", InputKind.ANSWER)
    assert (await world.task(task.task_id)).status is TaskStatus.WAITING
    attempt = await world.attempt(holder.attempt_id)
    for _ in range(2):
        await world.writer.write(lambda tx: waits.end_wait(tx, attempt))
    runs = await world.task(task.task_id)
    assert (runs.status, runs.wait_reason, runs.resume_time, runs.deadline_time, runs.status_reason) == (
        TaskStatus.RUNNING,
        None,
        None,
        None,
        "",
    )
    assert (await kinds_told(world, task.task_id)).count(
        "task_status_changed"
    ) == 4  # pending, running, waiting, running


async def test_an_attempt_that_goes_on_without_a_word_ends_the_wait(world: World) -> None:
    task = await world.new_task()
    holder = await world.hot(task.task_id)
    await world.told(holder, event(2))
    assert (await world.task(task.task_id)).status is TaskStatus.WAITING
    await world.take_up(holder, task.task_id)
    assert (await world.task(task.task_id)).status is TaskStatus.RUNNING
    assert (await kinds_told(world, task.task_id))[-1] == "task_status_changed"


async def test_only_a_running_attempt_waits(world: World) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await world.stopped(task.task_id)
    attempt = await world.attempt(holder.attempt_id)
    await world.writer.write(lambda tx: waits.begin_wait(tx, attempt, QUESTION, DURATIONS))
    assert (await world.task(task.task_id)).status is TaskStatus.RUNNING


@pytest.mark.parametrize("wait", [QUESTION, ALLOWANCE, QUOTA])
async def test_any_input_sends_a_parked_task_on(world: World, wait: Wait) -> None:
    task = await world.new_task()
    parked = await world.parked(task.task_id, wait)
    assert (await world.task(task.task_id)).status is TaskStatus.WAITING
    assert (await world.attempt(parked.attempt_id)).phase is AttemptPhase.PARKED
    goes_on = await world.input(task.task_id)
    assert (goes_on.status, goes_on.wait_reason) == (TaskStatus.PENDING, None)
    assert (await world.accepted(task.task_id)).fence == parked.fence + 1


async def test_what_was_written_while_the_attempt_parked_sends_the_task_on_at_once(world: World) -> None:
    task = await world.new_task()
    holder = await world.hot_and_read(task.task_id)
    await world.input(task.task_id, "the left one", InputKind.ANSWER)
    await world.finished(holder, AttemptPhase.PARKED)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING


async def test_what_was_written_before_the_question_does_not_answer_it(world: World) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await world.take_up(holder, task.task_id)
    await world.input(task.task_id, "and then the docs")
    world.clock.move(1)
    sequence = (await world.attempt(holder.attempt_id)).acked_sequence + 1
    await world.told(holder, event(sequence, ToolCallBegan(ToolCall("toolu_1", "ask_user", b"{}"))))
    await world.waits(holder, QUESTION)
    await world.finished(holder, AttemptPhase.PARKED)
    assert (await world.task(task.task_id)).status is TaskStatus.WAITING
    world.clock.move(1)
    assert (await world.input(task.task_id, "the left one", InputKind.ANSWER)).status is TaskStatus.PENDING


@pytest.mark.parametrize("waits", [True, False])
async def test_an_answer_is_for_a_task_that_asks(world: World, waits: bool) -> None:
    task = await world.new_task()
    if waits:
        await world.parked(task.task_id, ALLOWANCE)
    with pytest.raises(Conflict, match="asks nothing") as refused:
        await world.input(task.task_id, "the left one", InputKind.ANSWER)
    assert reason_of(refused.value) == "WRONG_STATE"


@pytest.mark.parametrize("phase", [AttemptPhase.PARKED, AttemptPhase.CANCELLED])
async def test_a_stop_wins_over_parking(world: World, phase: AttemptPhase) -> None:
    task = await world.new_task()
    holder = await world.hot(task.task_id)
    assert (await world.stopped(task.task_id)).status is TaskStatus.RUNNING
    for _ in range(2):
        await world.finished(holder, phase)
    assert (await world.attempt(holder.attempt_id)).phase is AttemptPhase.CANCELLED
    assert (await world.task(task.task_id)).status is TaskStatus.CANCELLED


async def test_an_attempt_lost_while_its_task_waits_leaves_it_waiting_or_sends_it_on(world: World) -> None:
    for answered in (False, True):
        task = await world.new_task()
        holder = await world.hot_and_read(task.task_id)
        if answered:
            await world.input(task.task_id)
        await world.lost(holder)
        assert (await world.task(task.task_id)).status is (TaskStatus.PENDING if answered else TaskStatus.WAITING)


async def test_a_silent_runner_does_not_hide_the_question(world: World) -> None:
    task = await world.new_task()
    holder = await world.hot(task.task_id)
    await world.writer.write(lambda tx: deadlines.mark_away(tx, holder.attempt_id))
    away = await world.task(task.task_id)
    assert (away.status, away.status_reason) == (TaskStatus.WAITING, "which one?")
    assert (await world.attempt(holder.attempt_id)).disconnected


async def test_an_attempt_that_parks_though_it_waits_for_nothing_fails(world: World) -> None:
    task = await world.new_task()
    holder = await world.running(task.task_id)
    await world.take_up(holder, task.task_id)
    await world.finished(holder, AttemptPhase.PARKED)
    failed = await world.task(task.task_id)
    assert (failed.status, failed.failure_reason) == (TaskStatus.FAILED, FailureReason.INTERNAL)


async def end_waiting(world: World, task_id: str, *, deadline_time: int | None = None) -> None:
    expected = deadline_time or (await world.task(task_id)).deadline_time
    await world.writer.write(lambda tx: waits.end_waiting(tx, task_id, DURATIONS, deadline_time=expected))


async def test_a_quota_that_is_there_again_sends_a_parked_task_on(world: World) -> None:
    task = await world.new_task()
    await world.parked(task.task_id, QUOTA)
    await end_waiting(world, task.task_id)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING


async def test_a_quota_that_is_there_again_before_the_attempt_parked_sends_it_on_then(world: World) -> None:
    task = await world.new_task()
    holder = await world.hot_and_read(task.task_id, QUOTA)
    await end_waiting(world, task.task_id)
    waiting = await world.task(task.task_id)
    assert waiting.status is TaskStatus.WAITING
    assert waiting.deadline_time == world.clock.now_us() + int(DURATIONS.waiting_s * 1e6)
    await world.finished(holder, AttemptPhase.PARKED)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING


async def test_a_question_that_nobody_answers_is_given_up(world: World) -> None:
    task = await world.new_task()
    await world.parked(task.task_id)
    await end_waiting(world, task.task_id)
    over = await world.task(task.task_id)
    assert over.status is TaskStatus.CANCELLED
    assert "nobody answered" in over.status_reason


async def test_a_deadline_of_an_earlier_wait_ends_nothing(world: World) -> None:
    task = await world.new_task()
    await world.parked(task.task_id)
    await end_waiting(world, task.task_id, deadline_time=1)
    assert (await world.task(task.task_id)).status is TaskStatus.WAITING


async def test_a_retry_sends_what_waits_on_and_a_question_needs_an_answer(world: World) -> None:
    spent, asking = await world.new_task(), await world.new_task()
    await world.parked(spent.task_id, ALLOWANCE)
    await world.parked(asking.task_id)
    assert (await world.retried(spent.task_id)).status is TaskStatus.PENDING
    with pytest.raises(Conflict, match="answer it") as refused:
        await world.retried(asking.task_id)
    assert reason_of(refused.value) == "WRONG_STATE"


async def test_a_retry_while_the_attempt_waits_goes_on_once_it_parked(world: World) -> None:
    task = await world.new_task()
    holder = await world.hot_and_read(task.task_id, ALLOWANCE)
    for _ in range(2):
        assert (await world.retried(task.task_id)).status is TaskStatus.WAITING
    assert (await kinds_told(world, task.task_id)).count("task_retried") == 1
    await world.finished(holder, AttemptPhase.PARKED)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
    assert await world.accepted(task.task_id, runner_id=OTHER_RUNNER)


async def test_a_stop_forgets_a_retry_that_was_asked_for_before_it(world: World) -> None:
    task = await world.new_task()
    holder = await world.hot(task.task_id, ALLOWANCE)
    await world.retried(task.task_id)
    await world.stopped(task.task_id)
    await world.finished(holder, AttemptPhase.CANCELLED)
    assert (await world.task(task.task_id)).status is TaskStatus.CANCELLED


async def test_what_claude_asked_or_a_runner_said_is_not_for_the_log(world: World) -> None:
    asks, fails = await world.new_task(), await world.new_task()
    await world.hot(asks.task_id)
    await world.finished(await world.accepted(fails.task_id), AttemptPhase.FAILED, FailureReason.ENGINE, "so it said")
    reasons = [notice.reason for notice in world.notices if isinstance(notice, TaskMoved)]
    assert reasons[-1] == "trying again"
    assert "question" in reasons
    assert not {"which one?", "so it said"} & set(reasons)
