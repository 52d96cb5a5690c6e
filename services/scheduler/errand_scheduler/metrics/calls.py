"""Calls as they are answered: how long each method takes, and what is refused."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from errand_common import contract, rpc
from errand_common.errors import ErrandError
from errand_scheduler.metrics import counted

_BROKEN = "INTERNAL"


class Metered:
    """Around a guard, and with it around every call."""

    def __init__(self, around: rpc.Around) -> None:
        self._around = around
        self._unary = {path: path.removeprefix("/errand.v1.") for path in contract.scopes().keys() - contract.streams()}

    @asynccontextmanager
    async def __call__(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
        """Raises what the guard or the handler raises."""
        began_s, reason = time.perf_counter(), ""
        try:
            async with self._around(method, context):
                yield
        except Exception as exc:
            reason = exc.reason if isinstance(exc, ErrandError) else _BROKEN
            counted.REFUSED.labels(reason).inc()
            raise
        finally:
            if name := self._unary.get(method):
                counted.CALLS_S.labels(name, reason or "OK").observe(time.perf_counter() - began_s)
