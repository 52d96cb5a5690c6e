"""The readers: a few read-only connections, each lent for one short question."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import aiosqlite

from errand_scheduler.store.connection import READER_PRAGMAS
from errand_scheduler.store.query import Query

T = TypeVar("T")

_CONNECTIONS = 3


class Reader:
    """Answers queries from what is committed. No connection is held while anything is sent to anybody."""

    def __init__(self, connections: Sequence[aiosqlite.Connection]) -> None:
        self._free: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        for connection in connections:
            self._free.put_nowait(connection)

    async def one(self, query: Query[T]) -> T | None:
        """The first row of the answer, if there is one."""
        rows = await self._rows(query)
        return query.of(rows[0]) if rows else None

    async def all(self, query: Query[T]) -> list[T]:
        """Every row of the answer: queries bound their own length."""
        return [query.of(row) for row in await self._rows(query)]

    async def _rows(self, query: Query[T]) -> list[sqlite3.Row]:
        connection = await self._free.get()
        try:
            return list(await connection.execute_fetchall(query.sql, query.params))
        finally:
            self._free.put_nowait(connection)


@asynccontextmanager
async def open_reader(path: Path) -> AsyncIterator[Reader]:
    """Readers of a database that exists; closed at the end."""
    connections: list[aiosqlite.Connection] = []
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        for _ in range(_CONNECTIONS):
            connection = await aiosqlite.connect(address, uri=True, isolation_level=None)
            connections.append(connection)
            connection.row_factory = sqlite3.Row
            for pragma in READER_PRAGMAS:
                await connection.execute(pragma)
        yield Reader(connections)
    finally:
        for connection in connections:
            await connection.close()
