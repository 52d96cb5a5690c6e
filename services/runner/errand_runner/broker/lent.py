"""A credential lent to an attempt, kept in memory: asked for anew after a while, and once the git host refuses it."""

import asyncio
import base64
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

KEEP_S = 60.0
"""What is revoked at the scheduler is used here no longer than this (ARCHITECTURE.md, Bounds)."""


@dataclass(frozen=True)
class Credential:
    """Never printed. `lent_id` names it to the scheduler; it is good for `good_s` from when it was asked for."""

    username: str
    password: str = field(repr=False)
    lent_id: str = ""
    good_s: float = math.inf

    def header(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class Ask(Protocol):
    """Asks the scheduler for a credential other than the one that was refused, which is named by its id."""

    def __call__(self, *, refused_lent_id: str) -> Awaitable[Credential]: ...


class Lent:
    """Whoever uses it sees first, at each use, that the attempt's lease is fresh. All methods raise ErrandError."""

    def __init__(self, ask: Ask, *, now_s: Callable[[], float], keep_s: float = KEEP_S) -> None:
        self._ask, self._now_s, self._keep_s = ask, now_s, keep_s
        self._kept: Credential | None = None
        self._until_s = -math.inf
        # Of several that want it at once, one asks.
        self._asking = asyncio.Lock()

    async def get(self) -> Credential:
        """The one to use now."""
        async with self._asking:
            if self._kept is not None and self._now_s() < self._until_s:
                return self._kept
            return await self._renewed()

    async def instead_of(self, refused: Credential) -> Credential:
        """One to try where the git host refused another."""
        async with self._asking:
            if self._kept is not None and self._kept != refused:
                return self._kept
            return await self._renewed(refused.lent_id)

    async def _renewed(self, refused_lent_id: str = "") -> Credential:
        # Where nothing is lent any more, what was kept is not used either.
        self._kept, asked_s = None, self._now_s()
        credential = await self._ask(refused_lent_id=refused_lent_id)
        self._kept, self._until_s = credential, asked_s + min(self._keep_s, credential.good_s)
        return credential
