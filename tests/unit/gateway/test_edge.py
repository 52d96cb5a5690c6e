"""What escapes the code below is answered and logged once, at the edge."""

import httpx2
import pytest
import structlog
from starlette.types import Receive, Scope, Send

from errand_gateway.edge.requests import Requests
from tests.patience import ANSWER_S


async def _breaks(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("a bug")


async def _breaks_midway(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("a bug")


async def test_a_bug_is_a_problem_that_names_the_log_line() -> None:
    with structlog.testing.capture_logs() as lines:
        async with _client(Requests(_breaks)) as client:
            answer = await client.get("/v1/me", headers={"X-Request-Id": "tap-3"})

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["reason"], answer.json()["request_id"]) == ("INTERNAL", "tap-3")
    assert "a bug" not in answer.text
    assert [line["event"] for line in lines] == ["request_failed", "request_answered"]


async def test_a_bug_after_the_answer_began_cuts_the_line() -> None:
    async with _client(Requests(_breaks_midway)) as client:
        with pytest.raises(RuntimeError, match="a bug"):
            await client.get("/v1/me")


def _client(app: Requests) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://gateway", timeout=ANSWER_S)
