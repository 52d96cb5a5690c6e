"""One request has one id, in the gateway's log and in the scheduler's."""

from collections.abc import Sequence

import pytest
import structlog

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_scheduler.access.auth import OPEN, CallGuard


class Context:
    """As much of a call's context as the guard looks at."""

    def __init__(self, metadata: Sequence[tuple[str, str]]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> Sequence[tuple[str, str]]:
        return self._metadata


@pytest.fixture
def guard():
    return CallGuard(authority=None, rates=None, scopes={}, streams=(), ids=Ids(Clock()))  # type: ignore[arg-type]  # open methods ask nobody


async def bound(guard, metadata):
    async with guard(next(iter(OPEN)), Context(metadata)):
        return structlog.contextvars.get_contextvars()["request_id"]


async def test_the_callers_id_is_taken_over(guard):
    assert await bound(guard, [("x-request-id", "7f.a_B-9")]) == "7f.a_B-9"


async def test_an_id_that_is_not_fit_for_a_log_is_replaced(guard):
    for unfit in ("", "a b", "x" * 65, 'a"}\n{"event":"forged'):
        assert (await bound(guard, [("x-request-id", unfit)])).startswith("req_")


async def test_a_call_without_an_id_gets_one(guard):
    assert (await bound(guard, [])).startswith("req_")
