"""gRPC that is served to whoever calls: for tests of what comes after that question."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from errand_common import rpc


@asynccontextmanager
async def _around(method: str, context: "grpc.aio.ServicerContext[Any, Any]") -> AsyncIterator[None]:
    yield


def boundary() -> rpc.Boundary:
    """The boundary of every server of Errand, with everybody let in."""
    return rpc.Boundary(_around)
