"""What is old enough goes, and nothing else does."""

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from errand_common.errors import Conflict
from errand_common.values import TaskStatus
from errand_scheduler.store import audit, idempotency, retention, sessions
from errand_scheduler.store.idempotency import IdempotencyKey
from errand_scheduler.store.query import Query, number
from errand_scheduler.store.sessions import Session
from errand_scheduler.store.transaction import Tx
from tests.unit.scheduler.kept import DAY_S, DAYS, Kept, open_kept
from tests.unit.scheduler.world import USER, World


@pytest.fixture
async def kept(world: World, tmp_path: Path) -> AsyncIterator[Kept]:
    async with open_kept(world, tmp_path) as each:
        yield each


async def test_the_record_of_a_task_goes_once_it_is_over_for_long_enough(kept: Kept) -> None:
    old = await kept.ended()
    alive = (await kept.world.new_task()).task_id
    kept.world.clock.move(DAYS * DAY_S - 60)
    young = await kept.ended()
    await kept.sweep.sweep()
    before = {task_id: await kept.record(task_id) for task_id in (old, young, alive)}
    assert all(before.values())

    kept.world.clock.move(120)
    await kept.sweep.sweep()
    assert await kept.record(old) == 0
    assert {task_id: await kept.record(task_id) for task_id in (young, alive)} == {
        young: before[young],
        alive: before[alive],
    }
    assert (await kept.world.task(old)).status is TaskStatus.COMPLETED, "the task itself stays"


async def test_a_long_record_goes_in_pieces_and_a_sweep_that_broke_off_is_gone_on_with(kept: Kept) -> None:
    task_id = await kept.ended(rows=3 * retention.CHUNK)
    kept.world.clock.move((DAYS + 1) * DAY_S)
    before = kept.world.clock.now_us()
    sizes = [await kept.record(task_id)]
    for _ in range(6):
        assert await kept.world.writer.write(lambda tx: retention.forget(tx, task_id, before=before)) is True
        sizes.append(await kept.record(task_id))
    assert [was - now for was, now in pairwise(sizes)] == [1, 1, 1, 1, 500, 500]
    await kept.sweep.sweep()
    assert await kept.record(task_id) == 0
    assert await kept.world.reader.all(retention.over(before)) == [], "it is not looked at again"


async def test_a_task_whose_record_goes_cannot_be_continued(kept: Kept) -> None:
    task_id = await kept.ended()
    assert await kept.world.reader.one(retention.record_is_kept(task_id)) is True
    kept.world.clock.move((DAYS + 1) * DAY_S)
    await kept.sweep.sweep()
    assert await kept.world.reader.one(retention.record_is_kept(task_id)) is False
    with pytest.raises(Conflict):
        await kept.world.input(task_id, "go on")


async def test_a_task_that_was_continued_meanwhile_is_kept(kept: Kept) -> None:
    task_id = await kept.ended()
    kept.world.clock.move((DAYS + 1) * DAY_S)
    before = kept.world.clock.now_us() - DAYS * DAY_S * 1_000_000
    assert await kept.world.reader.all(retention.over(before)) == [task_id]
    await kept.world.input(task_id, "go on")
    assert await kept.world.writer.write(lambda tx: retention.forget(tx, task_id, before=before)) is False
    await kept.sweep.sweep()
    assert await kept.record(task_id) > 0


async def test_the_audit_log_goes_by_its_age(kept: Kept) -> None:
    def note(tx: Tx) -> None:
        for _ in range(retention.CHUNK + 1):
            audit.record(tx, caller="operator", action="act", subject_id="x")

    await kept.world.writer.write(note)
    kept.world.clock.move((DAYS - 1) * DAY_S)
    await kept.world.writer.write(lambda tx: audit.record(tx, caller="operator", action="act", subject_id="y"))
    await kept.sweep.sweep()
    assert await kept.count("audit_log") == retention.CHUNK + 2
    kept.world.clock.move(2 * DAY_S)
    await kept.sweep.sweep()
    assert await kept.count("audit_log") == 1


async def test_spent_request_ids_and_sessions_that_are_over_go_after_a_week(kept: Kept) -> None:
    def session(name: str, *, refresh_days: int) -> Session:
        return Session(
            session_id=name,
            family_id=name,
            user_id=USER,
            client="",
            access_hash=f"a-{name}",
            access_expire_time=0,
            refresh_hash=f"r-{name}",
            refresh_expire_time=kept.world.clock.now_us() + refresh_days * DAY_S * 1_000_000,
        )

    def begin(tx: Tx) -> None:
        for name, days in (("ended", 100), ("run out", 0), ("alive", 100)):
            sessions.insert(tx, session(name, refresh_days=days))
        sessions.end_family(tx, "ended")
        idempotency.insert(tx, IdempotencyKey(USER, "once", "CreateTask", "h", "tsk_1"))

    await kept.world.writer.write(begin)
    kept.world.clock.move(7 * DAY_S - 60)
    await kept.sweep.sweep()
    assert (await kept.count("sessions"), await kept.count("idempotency_keys")) == (3, 1)
    kept.world.clock.move(120)
    await kept.sweep.sweep()
    names = Query("SELECT session_id FROM sessions", lambda row: str(row[0]))
    assert await kept.world.reader.all(names) == ["alive"]
    assert await kept.count("idempotency_keys") == 0


async def test_the_file_gets_smaller_by_what_went(kept: Kept) -> None:
    pages = Query("PRAGMA page_count", number)
    empty = await kept.world.reader.one(pages) or 0
    for _ in range(3):
        await kept.ended(rows=retention.CHUNK)
    full = await kept.world.reader.one(pages) or 0
    kept.world.clock.move((DAYS + 1) * DAY_S)
    await kept.sweep.sweep()
    assert (await kept.world.reader.one(pages) or 0) - empty < (full - empty) / 4
    assert await kept.world.reader.one(retention.free_pages()) == 0


async def test_for_ever_is_for_ever(world: World, tmp_path: Path) -> None:
    async with open_kept(world, tmp_path, days=0) as kept:
        task_id = await kept.ended()
        await world.writer.write(lambda tx: audit.record(tx, caller="operator", action="act", subject_id="x"))
        kept.world.clock.move(100 * 365 * DAY_S)
        await kept.sweep.sweep()
        assert await kept.record(task_id) > 0
        assert await kept.count("audit_log") == 1
