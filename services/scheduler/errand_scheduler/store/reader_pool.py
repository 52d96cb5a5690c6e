"""The readers of a running scheduler: a few read-only connections, each lent for one short question."""

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
from errand_scheduler.store.reader import Reader

T = TypeVar("T")

_CONNECTIONS = 3


class ReaderPool(Reader):
    """No connection is held while anything is sent to anybody."""

    def __init__(self, connections: Sequence[aiosqlite.Connection]) -> None:
        self._free: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        for connection in connections:
            self._free.put_nowait(connection)

    async def _rows(self, query: Query[T]) -> list[sqlite3.Row]:
        connection = await self._free.get()
        try:
            return list(await connection.execute_fetchall(query.sql, query.params))
        finally:
            self._free.put_nowait(connection)


@asynccontextmanager
async def open_reader(path: Path) -> AsyncIterator[ReaderPool]:
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
        yield ReaderPool(connections)
    finally:
        for connection in connections:
            await connection.close()
