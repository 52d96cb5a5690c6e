"""Reading: short questions to what is committed."""

import sqlite3
from abc import ABC, abstractmethod
from typing import TypeVar

from errand_scheduler.store.query import Query

T = TypeVar("T")


class Reader(ABC):
    """Answers queries. Nothing is held open between two of them."""

    async def one(self, query: Query[T]) -> T | None:
        """The first row of the answer, if there is one."""
        rows = await self._rows(query)
        return query.of(rows[0]) if rows else None

    async def all(self, query: Query[T]) -> list[T]:
        """Every row of the answer: queries bound their own length."""
        return [query.of(row) for row in await self._rows(query)]

    @abstractmethod
    async def _rows(self, query: Query[T]) -> list[sqlite3.Row]:
        """The answer as it comes."""
