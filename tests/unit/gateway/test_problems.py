"""Every refusal is an RFC 9457 problem that says what to do."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import structlog

from errand.v1.error_pb2 import ErrorReason
from errand_common.errors import (
    Conflict,
    Denied,
    Exhausted,
    Internal,
    Invalid,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from tests.unit.gateway.gateway_under_test import Running, running, settings
from tests.unit.gateway.scheduler_double import SchedulerDouble

_TASK = {"project_id": "prj_1", "prompt": "go"}

_REFUSALS: list[tuple[Exception, int, str, str | None]] = [
    (Invalid("the prompt is empty"), 400, "INVALID", None),
    (Unauthenticated("sign in"), 401, "UNAUTHENTICATED", None),
    (Unauthenticated("the refresh token was used", reason="REFRESH_REFUSED"), 401, "REFRESH_REFUSED", None),
    (Denied("not yours"), 403, "DENIED", None),
    (Denied("you may not push there", reason="NO_PUSH_RIGHT"), 403, "NO_PUSH_RIGHT", None),
    (NotFound("no project prj_9"), 404, "NOT_FOUND", None),
    (Conflict("it is over"), 409, "WRONG_STATE", None),
    (Conflict("another request", reason="IDEMPOTENCY_MISMATCH"), 409, "IDEMPOTENCY_MISMATCH", None),
    (Conflict("a message carries it", reason="INPUT_TAKEN"), 409, "INPUT_TAKEN", None),
    (Denied("not on the list", reason="NOT_ADMITTED"), 403, "NOT_ADMITTED", None),
    (Exhausted("too many", retry_after=timedelta(seconds=7.2)), 429, "EXHAUSTED", "8"),
    (Unavailable("GitHub is away", reason="GITHUB_UNAVAILABLE"), 503, "GITHUB_UNAVAILABLE", "2"),
    (Unavailable("the disk refuses"), 503, "UNAVAILABLE", "2"),
    (Internal("a bug"), 500, "INTERNAL", None),
    # These are said to runners; if one of them ever comes this way, it is a problem like any other.
    (Conflict("an old fence", reason="LEASE_SUPERSEDED"), 409, "LEASE_SUPERSEDED", None),
    (Conflict("a later session", reason="SESSION_SUPERSEDED"), 409, "SESSION_SUPERSEDED", None),
    (Conflict("events are missing", reason="EVENT_GAP"), 409, "EVENT_GAP", None),
    (Conflict("a blob is missing", reason="BLOB_MISSING"), 409, "BLOB_MISSING", None),
    (Conflict("another release", reason="INCOMPATIBLE"), 409, "INCOMPATIBLE", None),
    (Exhausted("two of them", reason="RUNNER_QUARANTINED"), 429, "RUNNER_QUARANTINED", None),
]


def test_every_reason_of_the_contract_has_a_status() -> None:
    tried = {reason for _, _, reason, _ in _REFUSALS}
    named = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()}  # noqa: SIM118 - no mapping

    assert tried == named - {"UNSPECIFIED"}


async def test_the_schedulers_refusal_arrives_whole(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        for error, status, reason, retry_after in _REFUSALS:
            scheduler.refusals["CreateTask"] = error
            answer = await client.post("/v1/tasks", json=_TASK, headers={"X-Request-Id": "tap-1"})

            problem = _problem(answer, status, reason)
            assert problem["detail"] == str(error)
            assert problem["request_id"] == answer.headers["x-request-id"] == "tap-1"
            assert answer.headers.get("retry-after") == retry_after


async def test_a_bug_in_the_scheduler_is_not_shown(gateway: Running, scheduler: SchedulerDouble) -> None:
    scheduler.refusals["CreateTask"] = KeyError("a bug")
    async with gateway.client(scheduler.new_session()) as client:
        answer = await client.post("/v1/tasks", json=_TASK)

    _problem(answer, 500, "INTERNAL")
    assert "a bug" not in answer.text


_IMPOSSIBLE: list[tuple[str, str, bytes | None, int, str]] = [
    ("GET", "/v1/nothing", None, 404, "NOT_FOUND"),
    ("DELETE", "/v1/tasks", None, 405, "INVALID"),
    ("POST", "/v1/tasks", b"{", 400, "INVALID"),
    ("POST", "/v1/tasks", b"[]", 400, "INVALID"),
    ("POST", "/v1/tasks", b'{"project_id": "p"}', 400, "INVALID"),
    ("POST", "/v1/tasks", b'{"project_id": "p", "prompt": 7}', 400, "INVALID"),
    ("POST", "/v1/tasks", b'{"project_id": "p", "prompt": "\\ud800"}', 400, "INVALID"),
    ("POST", "/v1/tasks", b'{"project_id": "p", "prompt": "\xff"}', 400, "INVALID"),
    ("GET", "/v1/tasks?page_size=101", None, 400, "INVALID"),
    ("GET", "/v1/tasks?page_size=-1", None, 400, "INVALID"),
    ("GET", "/v1/tasks?page_size=99999999999999999999", None, 400, "INVALID"),
    ("GET", "/v1/tasks/t/events?page_size=501", None, 400, "INVALID"),
    ("POST", "/v1/tasks", b"x" * (256 * 1024 + 1), 413, "INVALID"),
]


async def test_what_cannot_be_asked_never_reaches_the_scheduler(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        for method, path, body, status, reason in _IMPOSSIBLE:
            answer = await client.request(method, path, content=body, headers={"Content-Type": "application/json"})
            _problem(answer, status, reason)

    assert not scheduler.calls


async def test_a_body_of_unknown_length_is_cut_off_too(gateway: Running, scheduler: SchedulerDouble) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * 64 * 1024

    async with gateway.client(scheduler.new_session()) as client:
        answer = await client.post("/v1/tasks", content=endless(), headers={"Content-Type": "application/json"})

    _problem(answer, 413, "INVALID")


async def test_a_prompt_of_64_kib_fits_however_it_is_escaped(gateway: Running, scheduler: SchedulerDouble) -> None:
    body = b'{"project_id": "p", "prompt": "' + b"\\u00e9" * 32 * 1024 + b'"}'
    async with gateway.client(scheduler.new_session()) as client:
        answer = await client.post("/v1/tasks", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 201
    assert len(answer.json()["task"]["prompt"].encode()) == 64 * 1024


async def test_without_a_proper_token_nothing_is_asked(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client() as client:
        answers = [await client.get("/v1/me")]
        for header in ("Basic YWRhOnB3", "Bearer", "Bearer two words", f"Bearer {'x' * 513}", "é"):
            answers.append(await client.get("/v1/me", headers={b"Authorization": header.encode()}))

    for answer in answers:
        _problem(answer, 401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert not scheduler.calls


async def test_while_the_scheduler_is_away_the_answer_is_try_again(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        await scheduler.stop()
        away = await client.get("/v1/me")
        unready = await client.get("/readyz")
        alive = await client.get("/healthz")

    _problem(away, 503, "UNAVAILABLE")
    assert int(away.headers["retry-after"]) > 0
    _problem(unready, 503, "UNAVAILABLE")
    assert alive.status_code == 200


async def test_a_gateway_waits_for_a_scheduler_that_has_never_run(tmp_path: Path, scheduler: SchedulerDouble) -> None:
    early = settings(tmp_path, scheduler.address)
    ca = early.ca_file.read_bytes()
    early.ca_file.unlink()
    async with running(early, connected=False) as gateway, gateway.client(scheduler.new_session()) as client:
        _problem(await client.get("/v1/me"), 503, "UNAVAILABLE")
        _problem(await client.get("/readyz"), 503, "UNAVAILABLE")
        early.ca_file.write_bytes(ca[:100])
        _problem(await client.get("/v1/me"), 503, "UNAVAILABLE")
        early.ca_file.write_bytes(ca)
        await gateway.ready()
        assert (await client.get("/v1/me")).status_code == 200


async def test_a_request_id_that_could_spoil_a_log_is_replaced(gateway: Running) -> None:
    async with gateway.client() as client:
        for asked in ("", "has space", "x" * 65, "semi;colon"):
            answer = await client.get("/healthz", headers={"X-Request-Id": asked})
            assert answer.headers["x-request-id"] not in ("", asked)


async def test_every_answer_carries_the_security_headers(gateway: Running) -> None:
    async with gateway.client() as client:
        answers = [await client.get(path) for path in ("/v1/me", "/nothing", "/auth/callback", "/openapi.json")]

    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers
        assert "strict-transport-security" not in answer.headers, "it is not served over TLS"


async def test_logs_name_requests_and_never_tokens(signing_in: Running, scheduler: SchedulerDouble) -> None:
    token = scheduler.new_session()
    with structlog.testing.capture_logs() as lines:
        async with signing_in.client(token) as client:
            await client.get("/v1/tasks/tsk_9?page_token=secret", headers={"X-Request-Id": "tap-2"})
            await client.get("/auth/callback?state=secret&code=secret")
            await client.post("/auth/token", json={"grant_type": "refresh_token", "refresh_token": "secret"})

    answered = [line for line in lines if line["event"] == "request_answered"]
    assert [(line["path"], line["status"]) for line in answered] == [
        ("/v1/tasks/tsk_9", 404),
        ("/auth/callback", 400),
        ("/auth/token", 200),
    ]
    assert token not in str(lines)
    assert "secret" not in str(lines)


def _problem(answer: httpx2.Response, status: int, reason: str) -> dict[str, object]:
    problem: dict[str, object] = answer.json()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem.keys() == {"type", "title", "status", "detail", "reason", "request_id"}
    assert (problem["status"], problem["reason"]) == (status, reason)
    assert problem["title"]
    assert problem["detail"]
    return problem
