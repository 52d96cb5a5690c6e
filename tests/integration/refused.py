"""Calls that are refused, told as the errors that they stand for."""

from collections.abc import Awaitable
from typing import Any

import grpc
import pytest

from errand_common import rpc
from errand_common.errors import ErrandError, from_rpc_error


async def refusal(call: Any) -> ErrandError:
    """Why the call was not served, which it must not be."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return from_rpc_error(refused.value)


async def refused(asked: Awaitable[object], kind: type[ErrandError]) -> str:
    """The words of a refusal of that kind."""
    with pytest.raises(kind) as failed, rpc.renamed_errors():
        await asked
    return failed.value.message
