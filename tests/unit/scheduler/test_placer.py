"""The placer follows what is committed: nothing that can go is left waiting, even where no time passes by itself."""

import asyncio
import random
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from errand_common.values import AttemptPhase, RunnerMode, TaskStatus
from errand_scheduler.lifecycle import asks, deadlines, runners, turns
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.store import attempts, tasks
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.notices import AttemptMoved, RunnerModeSet
from errand_scheduler.store.transaction import Tx
from tests.unit.scheduler.office import DEADLINE_S, DURATIONS, Office, at_work
from tests.unit.scheduler.world import RUNNER, USER


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with at_work(tmp_path, most_live=3) as each:
        yield each


def holder(attempt: Attempt) -> Holder:
    return Holder(runner_id=attempt.runner_id, attempt_id=attempt.attempt_id, fence=attempt.fence)


async def test_a_task_is_offered_as_soon_as_there_is_a_runner(office: Office) -> None:
    task_id = await office.create()
    await office.told(task_id, "no runner is connected")
    office.arrives(slots=1)
    assert (await office.offered(task_id)).phase is AttemptPhase.OFFERED


async def test_an_offer_that_nobody_took_is_made_again_at_once(office: Office) -> None:
    office.arrives(slots=1)
    task_id = await office.create()
    first = await office.offered(task_id)
    await office.writer.write(lambda tx: deadlines.expire_offer(tx, first.attempt_id))
    assert (await office.offered(task_id)).fence > first.fence


async def test_a_runner_that_lets_every_offer_pass_is_left_alone_and_the_task_says_so(office: Office) -> None:
    office.arrives(slots=1)
    task_id = await office.create()
    for _ in range(3):
        attempt_id = (await office.offered(task_id)).attempt_id
        await office.writer.write(partial(deadlines.expire_offer, attempt_id=attempt_id))
    await office.told(task_id, "no runner can take it: box does not take what it is offered and rests for a while")
    assert office.board.of_task(task_id) is None


async def test_an_offer_that_could_not_be_written_is_made_later(office: Office) -> None:
    await office.create()
    task_id = await office.create()
    office.writer.refusals = 2
    office.arrives(slots=2)
    async with asyncio.timeout(DEADLINE_S):
        while office.writer.refusals:
            await asyncio.sleep(0)
    office.placer.wake()
    await office.offered(task_id)


async def test_a_slot_that_falls_free_goes_to_the_next(office: Office) -> None:
    office.arrives(slots=1)
    first = await office.create()
    attempt = await office.offered(first)
    second = await office.create()
    await office.told(second, "every runner is busy")
    await office.writer.write(lambda tx: turns.accept(tx, holder(attempt), DURATIONS))
    await office.writer.write(
        lambda tx: asks.stop_task(tx, user_id=USER, task_id=first, runner_present=False, durations=DURATIONS)
    )
    assert (await office.offered(second)).runner_id == RUNNER


async def test_a_person_gets_no_more_than_one_person_may_have(office: Office) -> None:
    made = []
    for _ in range(4):
        made.append(await office.create())
        office.clock.move(1)
    office.arrives(slots=9)
    for task_id in made[:3]:
        await office.offered(task_id)
    await office.told(made[3], "you have 3 tasks running, the most that this Errand runs for one person")
    assert office.board.of_task(made[3]) is None


async def test_many_that_wait_all_go_though_one_round_offers_only_so_many(tmp_path: Path) -> None:
    async with at_work(tmp_path, most_live=1000) as office:
        await asyncio.gather(*(asyncio.create_task(office.create()) for _ in range(100)))
        await asyncio.gather(*(asyncio.create_task(office.create()) for _ in range(110)))
        office.arrives(slots=999)
        await office.until(lambda: len(list(office.board.attempts())) == 210)


async def test_a_task_that_was_stopped_meanwhile_is_not_offered(office: Office) -> None:
    task_id = await office.create()
    await office.told(task_id, "no runner is connected")
    await office.writer.write(
        lambda tx: asks.stop_task(tx, user_id=USER, task_id=task_id, runner_present=False, durations=DURATIONS)
    )
    other = await office.create()
    office.arrives(slots=2)
    await office.offered(other)
    assert office.board.of_task(task_id) is None
    task = await office.reader.one(tasks.by_id(task_id))
    assert task is not None
    assert task.status is TaskStatus.CANCELLED


async def test_once_a_cordon_is_answered_no_offer_exists_and_none_is_made(office: Office) -> None:
    chance, offers, cordoned = random.Random(42), 0, False

    async def set_mode(mode: RunnerMode) -> list[Attempt]:
        """Somewhere amid what the placer does; what the runner has by the answer."""
        for _ in range(chance.randrange(30)):
            await asyncio.sleep(0)

        def act(tx: Tx) -> list[Attempt]:
            runners.set_mode(tx, RUNNER, mode, drain_s=None)
            return tx.all(attempts.live_of_runner(RUNNER))

        return await office.writer.write(act)

    office.arrives(slots=1)
    await office.create()
    for _ in range(1000):
        assert await set_mode(RunnerMode.CORDONED) == []
        await set_mode(RunnerMode.ACTIVE)
    for notice in office.notices:
        if isinstance(notice, RunnerModeSet):
            cordoned = notice.mode is RunnerMode.CORDONED
        elif isinstance(notice, AttemptMoved) and notice.old_phase is None:
            assert not cordoned, "of an offer and a cordon the one that is committed first comes first"
            offers += 1
    assert offers > 100
