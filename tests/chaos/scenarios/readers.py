"""Somebody reads the database for too long: from outside, or for a person who asked."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from errand.v1 import runner_pb2
from errand_scheduler.store.wal import LONG_BYTES
from tests.chaos.fault import fault
from tests.chaos.home import Home
from tests.chaos.observer import Observer, check
from tests.chaos.prompts import began, lines, steps
from tests.chaos.trial import Trial
from tests.chaos.unreliable import Unreliable, unreliable
from tests.demo.phone import Json, Refused

LONG = "x" * 60_000
"""What a person wrote, on 15 pages of the database."""
A_PAGE_S = 0.5
KILLED_S = 5.0
GIVEN_UP_S = 15.0
"""Within which whoever asked is answered: whose task it is was looked up before, as slowly."""
EMPTIED_S = 20.0
"""The log is emptied after 5 s without work."""
EDITORS = 4
GROWS_S = 120.0


@fault("T34", "somebody reads for too long: a person's question, then a transaction from outside", needs=("cc",))
async def long_readers(trial: Trial) -> None:
    settings = {"ERRAND_CALLS_PER_SECOND": "10000"}
    async with (
        unreliable() as library,
        trial.own_home(slots=1, beat_s=2.0, scheduler=library.settings | settings) as home,
    ):
        async with home.watch(steps(0.5, 30)) as observer:
            await observer.until(began(1))
            waits = await home.phone.create_task(home.project, LONG)
            await _own_reader(trial, home, library, observer, waits)
            # What waits is to wait on, also when the other is done.
            await home.operator.set_mode("local", runner_pb2.RUNNER_MODE_CORDONED)
            await _foreign_reader(trial, home, waits)
            await home.phone.stop(waits)
            await check(observer)
        assert observer.trace() == lines(30)
        with trial.recovery(limit_s=EMPTIED_S):
            await _emptied(home)
    trial.checked("a question is given up after 5 s, in words", "writing goes on", "I8")
    trial.checked("told once that the log is long", "the log is emptied afterwards")


async def _own_reader(trial: Trial, home: Home, library: Unreliable, observer: Observer, waits: Json) -> None:
    """Of what stands in the database itself; what was written last is read in the log."""
    await asyncio.to_thread(_move_log, home)
    await observer.until(lambda event: True, after=observer.events[-1])
    (before,) = [acked for _, _, acked in observer.attempts()]
    library.slow_reads(A_PAGE_S)
    trial.injected()
    began_s = time.monotonic()
    with pytest.raises(Refused) as refused:
        await home.phone.inputs(waits)
    took_s = time.monotonic() - began_s
    ((_, _, after),) = observer.attempts()
    library.behave()
    assert (refused.value.status, "took longer than 5 s" in str(refused.value)) == (503, True), refused.value
    assert KILLED_S <= took_s < GIVEN_UP_S, f"given up after {took_s:.1f} s"
    assert after > before, "nothing was written meanwhile"
    with trial.recovery(limit_s=10.0):
        assert [each["text"] for each in await home.phone.inputs(waits)] == [LONG]


async def _foreign_reader(trial: Trial, home: Home, waits: Json) -> None:
    """It keeps its place in the log, which grows by what people write."""
    log = Path(f"{home.stack.database}-wal")
    with closing(sqlite3.connect(f"file:{home.stack.database}?mode=ro", uri=True, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        (seen,) = reader.execute("SELECT COUNT(*) FROM events").fetchone()
        trial.injected()
        (item,) = await home.phone.inputs(waits)

        async def edit(letter: str) -> None:
            while log.stat().st_size <= LONG_BYTES:
                await home.phone.edit(item, letter * len(LONG))

        async with asyncio.timeout(GROWS_S), asyncio.TaskGroup() as group:
            for letter in "abcdefgh"[:EDITORS]:
                group.create_task(edit(letter))
        await home.stack.processes.logged("scheduler", "log_grows")
        assert reader.execute("SELECT COUNT(*) FROM events").fetchone() == (seen,)
        reader.execute("ROLLBACK")
    assert home.stack.processes.log_of("scheduler").read_text().count('"event":"log_grows"') == 1


def _move_log(home: Home) -> None:
    with closing(sqlite3.connect(home.stack.database, isolation_level=None)) as connection:
        ((busy, _, _),) = connection.execute("PRAGMA wal_checkpoint (TRUNCATE)").fetchall()
    assert not busy


async def _emptied(home: Home) -> None:
    while Path(f"{home.stack.database}-wal").stat().st_size:
        await asyncio.sleep(0.1)
