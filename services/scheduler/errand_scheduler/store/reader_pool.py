"""The readers of a running scheduler: a few read-only connections, each lent for one short question."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import aiosqlite

from errand_common.errors import Unavailable
from errand_common.tasks import to_the_end
from errand_scheduler.store.connection import READER_PRAGMAS
from errand_scheduler.store.query import Query
from errand_scheduler.store.reader import Reader

T = TypeVar("T")

_CONNECTIONS = 3
_LONGEST_S = 5.0
_AGAIN_S = 0.01


class ReaderPool(Reader):
    """No connection is held while anything is sent to anybody."""

    def __init__(self, connections: Sequence[aiosqlite.Connection], *, longest_s: float = _LONGEST_S) -> None:
        self._longest_s = longest_s
        self._free: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        for connection in connections:
            self._free.put_nowait(connection)

    async def _rows(self, query: Query[T]) -> list[sqlite3.Row]:
        connection = await self._free.get()
        answer = asyncio.ensure_future(_rows_of(connection, query))
        try:
            async with asyncio.timeout(self._longest_s):
                return await asyncio.shield(answer)
        except TimeoutError as exc:
            raise Unavailable(f"the answer took longer than {self._longest_s:g} s; ask for less, or later") from exc
        finally:
            if not answer.done():
                await to_the_end(_give_up(connection, answer))
            self._free.put_nowait(connection)


async def _rows_of(connection: aiosqlite.Connection, query: Query[T]) -> list[sqlite3.Row]:
    return list(await connection.execute_fetchall(query.sql, query.params))


async def _give_up(connection: aiosqlite.Connection, answer: asyncio.Future[list[sqlite3.Row]]) -> None:
    """Return once the connection is free. A statement that is at work holds its place in the write-ahead log, which
    grows meanwhile; one that has not begun in the connection's thread hears of no interruption, and is told again."""
    while not answer.done():
        await connection.interrupt()
        await asyncio.wait([answer], timeout=_AGAIN_S)
    # Whoever asked is gone, and so is whatever was answered.
    answer.exception()


@asynccontextmanager
async def open_reader(path: Path, *, longest_s: float = _LONGEST_S) -> AsyncIterator[ReaderPool]:
    """Readers of a database that exists; closed at the end. No question is worked on for longer than `longest_s`."""
    connections: list[aiosqlite.Connection] = []
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        for _ in range(_CONNECTIONS):
            connection = await aiosqlite.connect(address, uri=True, isolation_level=None)
            connections.append(connection)
            connection.row_factory = sqlite3.Row
            for pragma in READER_PRAGMAS:
                await connection.execute(pragma)
        yield ReaderPool(connections, longest_s=longest_s)
    finally:
        for connection in connections:
            await connection.close()
