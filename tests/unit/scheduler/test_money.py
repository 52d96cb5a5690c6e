"""Money of a person's day is never handed out twice, and what is not spent of it comes back."""

import pytest

from errand_common.errors import Conflict
from errand_common.values import AttemptPhase, FailureReason, Role, TaskStatus, WaitReason
from errand_scheduler.lifecycle import deadlines, turns
from errand_scheduler.lifecycle.effects import MessageAdded, UsageAdded
from errand_scheduler.lifecycle.money import HELD_S, Drawn, draw, go_on, grant, take_up
from errand_scheduler.lifecycle.raises import raise_allowance
from errand_scheduler.lifecycle.turns import AttemptEnd, Holder
from errand_scheduler.lifecycle.waits import Wait, end_waiting
from errand_scheduler.store import money
from errand_scheduler.store.allowance import Allowance
from errand_scheduler.store.messages import Message
from errand_scheduler.store.money import DAY_US, Account, Day, day_at
from errand_scheduler.store.usage import Usage
from tests.unit.scheduler.world import DURATIONS, OTHER_USER, USER, World, event, reason_of

LIMIT = 1_000
EXTRA = LIMIT // 50
DAY_OVER = Wait(reason=WaitReason.ALLOWANCE, summary="the day's money is spent", resume_in_s=3_600.0)


def account(*, spent: int = 0, held: int = 0, cost: int = 0, drawn: int = 0) -> Account:
    return Account(spent=spent, held=held, cost=cost, drawn=drawn)


@pytest.mark.parametrize(
    ("found", "least", "most", "granted"),
    [
        (account(), 10, 100, 100 + EXTRA),
        (account(cost=40, spent=40, drawn=100), 50, 90, 100),
        (account(cost=40, spent=40, drawn=100), 50, 101, 101 + EXTRA),
        (account(spent=400, held=300), 10, 290, 300),
        (account(spent=400, held=300), 10, 2_000, 300),
        (account(spent=400, held=300), 301, 2_000, 0),
        (account(cost=400, spent=100, drawn=450), 500, 2_000, 1_300),
        (account(spent=1_200, cost=40, drawn=40), 41, 50, 40),
    ],
)
def test_a_little_more_is_granted_than_is_asked_for_and_nothing_that_is_of_no_use(
    found: Account, least: int, most: int, granted: int
) -> None:
    assert grant(found, least=least, most=most, limit=LIMIT) == granted


async def costs(world: World, holder: Holder, cost: int | None, *, in_message: bool = True) -> None:
    sequence = (await world.attempt(holder.attempt_id)).acked_sequence + 1
    used = Usage(cost_nanodollars=cost)
    message = Message(world.ids.new("msg"), Role.ASSISTANT, b"[]", usage=used)
    await world.told(holder, event(sequence, MessageAdded(message) if in_message else UsageAdded(used)))


async def draws(world: World, holder: Holder, most: int, *, least: int | None = None, limit: int = LIMIT) -> Drawn:
    least = most if least is None else least
    return await world.writer.write(lambda tx: draw(tx, holder, least=least, most=most, limit=limit))


async def begun(world: World, *, user_id: str = USER) -> Holder:
    return await world.running((await world.new_task(user_id=user_id)).task_id)


async def today(world: World, user_id: str = USER) -> Day:
    found = await world.reader.one(money.day_of(user_id, day=day_at(world.clock.now_us())))
    assert found is not None
    return found


async def test_the_same_draw_again_and_late_is_the_same(world: World) -> None:
    holder = await begun(world)
    assert await draws(world, holder, 100) == await draws(world, holder, 100) == Drawn(100 + EXTRA)
    assert await draws(world, holder, 300) == Drawn(300 + EXTRA)
    assert await draws(world, holder, 100) == Drawn(300 + EXTRA), "an old one takes nothing back"
    assert await today(world) == Day(spent=0, held=300 + EXTRA)


@pytest.mark.parametrize("in_message", [True, False])
async def test_what_one_task_holds_or_spent_no_other_gets(world: World, in_message: bool) -> None:
    first, second = await begun(world), await begun(world)
    await draws(world, first, 700 - EXTRA)
    assert (await draws(world, second, 2_000, least=300)).nanodollars == 300
    await costs(world, first, 100, in_message=in_message)
    assert await today(world) == Day(spent=100, held=900), "spent or held, it is the same money"
    assert (await draws(world, second, 301)).nanodollars == 300


async def test_another_person_has_a_day_of_their_own(world: World) -> None:
    first = await begun(world)
    await draws(world, first, LIMIT)
    project = await world.writer.write(lambda tx: tx.run("UPDATE projects SET user_id = :u", {"u": OTHER_USER}))
    assert project == 1
    assert await draws(world, await begun(world, user_id=OTHER_USER), LIMIT) == Drawn(LIMIT)


@pytest.mark.parametrize("phase", [AttemptPhase.SUCCEEDED, AttemptPhase.PARKED, AttemptPhase.CANCELLED])
async def test_an_attempt_that_told_all_gives_back_what_it_did_not_spend(world: World, phase: AttemptPhase) -> None:
    holder = await begun(world)
    await draws(world, holder, 700)
    await costs(world, holder, 100)
    await world.finished(holder, phase)
    assert await today(world) == Day(spent=100, held=0)


async def test_what_a_lost_attempt_held_counts_as_spent(world: World) -> None:
    lost = await begun(world)
    await draws(world, lost, 700)
    await costs(world, lost, 100)
    await world.lost(lost)
    assert await today(world) == Day(spent=700 + EXTRA, held=0)


async def test_what_one_held_that_was_stopped_and_never_told_its_last_counts_as_spent(world: World) -> None:
    holder = await begun(world)
    await draws(world, holder, 700)
    await world.stopped((await world.attempt(holder.attempt_id)).task_id)
    end = AttemptEnd(phase=AttemptPhase.CANCELLED, failure=None, reason="", last_sequence=9)
    await world.writer.write(lambda tx: turns.finish(tx, holder, end, DURATIONS))
    assert await today(world) == Day(spent=700 + EXTRA, held=0)


async def test_what_one_held_of_which_some_could_never_be_stored_counts_as_spent(world: World) -> None:
    holder = await begun(world)
    await draws(world, holder, 700)
    await world.finished(holder, AttemptPhase.FAILED, FailureReason.INTERNAL)
    assert await today(world) == Day(spent=700 + EXTRA, held=0)


async def test_what_one_held_whose_runner_did_not_answer_a_stop_counts_as_spent(world: World) -> None:
    holder = await begun(world)
    await draws(world, holder, 700)
    await world.stopped((await world.attempt(holder.attempt_id)).task_id)
    await world.writer.write(lambda tx: deadlines.finish_stop(tx, holder.attempt_id, DURATIONS))
    assert await today(world) == Day(spent=700 + EXTRA, held=0)


async def test_what_a_runner_held_that_died_and_takes_its_attempt_up_again_counts_as_spent(world: World) -> None:
    holder = await begun(world)
    await draws(world, holder, 300)
    await costs(world, holder, 100)
    for _ in range(2):
        await world.writer.write(lambda tx: take_up(tx, holder))
        assert await today(world) == Day(spent=300 + EXTRA, held=0)
    assert await draws(world, holder, 330 + EXTRA) == Drawn(330 + 2 * EXTRA), "it goes on from there"
    await costs(world, holder, 30)
    await world.finished(holder)
    assert await today(world) == Day(spent=330 + EXTRA, held=0)


async def test_a_cost_that_nobody_knows_counts_as_all_that_was_drawn(world: World) -> None:
    holder = await begun(world)
    await draws(world, holder, 300)
    await costs(world, holder, 100)
    await costs(world, holder, None)
    assert await today(world) == Day(spent=300 + EXTRA, held=0)
    undrawn = await begun(world)
    await costs(world, undrawn, None)
    assert await today(world) == Day(spent=300 + EXTRA, held=0), "without a limit nobody drew for it"


async def test_a_spent_day_says_so_and_until_when(world: World) -> None:
    holder = await begun(world)
    await draws(world, holder, LIMIT)
    await costs(world, holder, LIMIT)
    left_s = (DAY_US - world.clock.now_us() % DAY_US) / 1e6
    short = await draws(world, holder, LIMIT + 1)
    assert (short.nanodollars, short.resume_s) == (LIMIT, left_s)
    assert short.reason.startswith("$0.0000 of the $0.0000 that all your tasks together may cost a day are spent;")
    assert "The day ends at 1973-03-04 00:00 UTC: then the work goes on by itself." in short.reason
    world.clock.move(left_s - 1)
    assert (await draws(world, holder, LIMIT + 1)).resume_s == 1.0


async def test_the_day_after_a_spent_one_has_all_of_it(world: World) -> None:
    holder = await begun(world)
    await draws(world, holder, LIMIT)
    await costs(world, holder, LIMIT)
    world.clock.move((DAY_US - world.clock.now_us() % DAY_US) / 1e6)
    assert await draws(world, holder, LIMIT + 1) == Drawn(LIMIT + 1 + EXTRA)
    assert await today(world) == Day(spent=0, held=1 + EXTRA)


async def test_what_is_held_over_midnight_is_of_the_new_day(world: World) -> None:
    holder, other = await begun(world), await begun(world)
    await draws(world, holder, 700 - EXTRA)
    world.clock.move(24 * 60 * 60)
    assert (await draws(world, other, 2_000, least=1)).nanodollars == 300
    await costs(world, holder, 500)
    assert await today(world) == Day(spent=500, held=500)


async def test_a_clock_that_is_set_back_finds_what_was_spent(world: World) -> None:
    holder = await begun(world)
    await draws(world, holder, 700)
    await costs(world, holder, 700)
    world.clock.offset_s = 24 * 60 * 60
    assert (await today(world)).spent == 0
    world.clock.offset_s = 0
    assert (await today(world)).spent == 700


async def test_what_others_hold_is_asked_for_again_soon(world: World) -> None:
    holder, other = await begun(world), await begun(world)
    await draws(world, other, 700)
    short = await draws(world, holder, 400)
    assert (short.nanodollars, short.resume_s) == (0, HELD_S)
    assert "are set aside for your other tasks at work" in short.reason
    world.clock.move((DAY_US - world.clock.now_us() % DAY_US) / 1e6 - 5)
    assert (await draws(world, holder, 400)).resume_s == 5.0


async def test_a_request_that_no_day_is_enough_for_is_never_granted(world: World) -> None:
    holder = await begun(world)
    short = await draws(world, holder, 5_000 * 10**9, limit=20 * 10**9)
    assert short == Drawn(0, short.reason, None)
    assert short.reason.startswith(
        "The next request may cost $5,000.00, and all tasks of a person together may cost $20"
    )
    assert "ERRAND_USER_DOLLARS_PER_DAY" in short.reason


async def test_where_the_day_is_not_limited_nothing_is_held_and_what_is_spent_is_known(world: World) -> None:
    holder = await begun(world)
    assert await draws(world, holder, 10**12, limit=0) == Drawn(10**12)
    await costs(world, holder, 70)
    assert await today(world) == Day(spent=70, held=0)


async def test_nobody_draws_for_an_attempt_that_may_not_act(world: World) -> None:
    holder = await begun(world)
    stranger = Holder(runner_id="rnr_2", attempt_id=holder.attempt_id, fence=holder.fence)
    offered = await world.offered((await world.new_task()).task_id)
    for who, reason in ((stranger, "LEASE_SUPERSEDED"), (offered, "WRONG_STATE")):
        with pytest.raises(Conflict) as refused:
            await draws(world, who, 10)
        assert reason_of(refused.value) == reason
    await world.finished(holder)
    with pytest.raises(Conflict) as refused:
        await draws(world, holder, 10)
    assert reason_of(refused.value) == "LEASE_SUPERSEDED"


async def test_a_parked_task_goes_on_by_itself_and_raising_its_own_allowance_does_not_lift_that(world: World) -> None:
    task = await world.new_task(allowance=Allowance(cost_nanodollars=10))
    await world.parked(task.task_id, DAY_OVER)
    waiting = await world.writer.write(
        lambda tx: raise_allowance(
            tx,
            user_id=USER,
            task_id=task.task_id,
            more=Allowance(cost_nanodollars=5),
            durations=DURATIONS,
            most_pending=9,
        )
    )
    assert (waiting.status, waiting.allowance.cost_nanodollars) == (TaskStatus.WAITING, 15)
    await world.writer.write(lambda tx: end_waiting(tx, task.task_id, DURATIONS, deadline_time=waiting.deadline_time))
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING


@pytest.mark.parametrize(("limit", "goes_on"), [(LIMIT, False), (LIMIT + 1, True), (0, True)])
async def test_after_a_start_with_another_limit_what_waits_for_the_day_goes_on(
    world: World, limit: int, goes_on: bool
) -> None:
    spender = await begun(world)
    await costs(world, spender, LIMIT)
    task, other = await world.new_task(), await world.new_task()
    await world.parked(task.task_id, DAY_OVER)
    await world.parked(other.task_id, Wait(reason=WaitReason.ALLOWANCE, summary="its own", resume_in_s=None))
    await world.writer.write(lambda tx: go_on(tx, limit=limit, durations=DURATIONS))
    assert (await world.task(task.task_id)).status is (TaskStatus.PENDING if goes_on else TaskStatus.WAITING)
    assert (await world.task(other.task_id)).status is TaskStatus.WAITING


async def test_one_that_waits_hot_at_that_start_goes_on_should_it_park(world: World) -> None:
    task = await world.new_task()
    holder = await world.hot_and_read(task.task_id, DAY_OVER)
    await world.writer.write(lambda tx: go_on(tx, limit=LIMIT, durations=DURATIONS))
    assert (await world.task(task.task_id)).status is TaskStatus.WAITING
    await world.finished(holder, AttemptPhase.PARKED)
    assert (await world.task(task.task_id)).status is TaskStatus.PENDING
