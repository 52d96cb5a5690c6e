"""The readers: nobody's question holds up the others, or the write-ahead log."""

import asyncio
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

import aiosqlite
import pytest

from errand_common.errors import Unavailable
from errand_scheduler.store import wal
from errand_scheduler.store.connection import open_for_writing
from errand_scheduler.store.database import prepare
from errand_scheduler.store.query import Query, number
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.reader_pool import ReaderPool, open_reader

LONG = Query(
    "WITH RECURSIVE n (x) AS (SELECT 1 FROM meta UNION ALL SELECT x + 1 FROM n LIMIT 300000000) SELECT COUNT(*) FROM n",
    number,
)
"""Half a minute at least, for a reader that is not stopped."""
EASY = Query("SELECT 7", number)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "errand.db"
    prepare(path)
    connection = open_for_writing(path)
    connection.execute("INSERT INTO meta VALUES ('e', 0, 0)")
    connection.close()
    return path


async def answer(reader: Reader) -> int | None:
    """Of an easy question, for which a busy machine may need more than one go."""
    while True:
        with suppress(Unavailable):
            return await reader.one(EASY)


async def test_a_question_that_takes_too_long_is_given_up_and_the_reader_is_free_again(database: Path) -> None:
    async with open_reader(database, longest_s=0.05) as reader, asyncio.timeout(10):
        for _ in range(4):
            with pytest.raises(Unavailable, match=r"took longer than 0.05 s"):
                await reader.one(LONG)
        assert await answer(reader) == 7


async def test_a_question_whose_asker_went_away_is_given_up(database: Path) -> None:
    async with open_reader(database) as reader, asyncio.timeout(10):
        for _ in range(4):
            asked = asyncio.ensure_future(reader.one(LONG))
            await asyncio.sleep(0.02)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
        assert await reader.one(EASY) == 7


async def test_a_question_that_had_not_begun_is_given_up_too(database: Path) -> None:
    """Its connection's thread is held up: the first interruption comes before there is anything to interrupt."""
    go = threading.Event()
    async with aiosqlite.connect(database, isolation_level=None) as connection, asyncio.timeout(10):
        connection.row_factory = sqlite3.Row
        await connection.create_function("held_up", 0, go.wait)
        holding = asyncio.ensure_future(connection.execute_fetchall("SELECT held_up()"))
        reader = ReaderPool([connection])
        asked = asyncio.ensure_future(reader.one(LONG))
        await asyncio.sleep(0.05)
        asked.cancel()
        await asyncio.wait([asked], timeout=0.1)
        go.set()
        with suppress(sqlite3.OperationalError):
            await holding
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await reader.one(EASY) == 7


async def test_it_holds_no_place_in_the_log_any_more(database: Path) -> None:
    writing = open_for_writing(database)
    async with open_reader(database, longest_s=1.0) as reader, asyncio.timeout(20):
        asked = asyncio.ensure_future(reader.one(LONG))
        while wal.truncate(writing):
            await asyncio.sleep(0.01)
            writing.execute("UPDATE meta SET epoch = 'f'")
        assert not asked.done(), "it is the question that holds the log"
        with pytest.raises(Unavailable):
            await asked
        await answer(reader)
        while not wal.truncate(writing):
            await asyncio.sleep(0.01)
    writing.close()
