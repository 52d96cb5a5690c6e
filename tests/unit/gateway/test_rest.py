"""REST says what the scheduler says, under the caller's own token."""

import httpx2
import pytest

from errand.v1 import task_pb2 as nouns
from errand.v1.event_pb2 import Event, EventBody, ToolCallFinished
from errand_common.wire import duration, timestamp
from tests.unit.gateway.gateway_under_test import Running
from tests.unit.gateway.scheduler_double import NOON, NOON_US, SchedulerDouble, new_task

_SHA256 = "0123456789abcdef" * 4


async def test_me_is_the_owner_of_the_token(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        answer = await client.get("/v1/me")

    assert answer.status_code == 200
    ada = {"user_id": "usr_ada", "github_id": 2**40, "github_username": "ada", "role": "member", "created_time": NOON}
    assert answer.json() == {"user": ada}


async def test_what_is_left_of_the_day_is_told_with_it(gateway: Running, scheduler: SchedulerDouble) -> None:
    scheduler.day = nouns.DayMoney(spent_nanodollars=2 * 10**9, end_time=timestamp(NOON_US))
    async with gateway.client(scheduler.new_session()) as client:
        answer = await client.get("/v1/me")

    assert answer.json()["day"] == {
        "limit_nanodollars": 0,
        "spent_nanodollars": 2 * 10**9,
        "held_nanodollars": 0,
        "end_time": NOON,
    }


async def test_repositories_are_listed(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        listed = await client.get("/v1/repositories", params={"page_size": 7, "page_token": "next"})

    found = {"repository": "ada/engine", "default_branch": "trunk", "private": True, "may_push": False}
    assert listed.json() == {"repositories": [found], "next_page_token": "older"}
    assert scheduler.page_asked("ListRepositories") == (7, "next")


async def test_a_blob_comes_byte_for_byte_to_be_kept_not_shown(gateway: Running, scheduler: SchedulerDouble) -> None:
    short, long = [b"\x00<script>" * 10_000], [b"\xff" * 1024 * 1024] * 5 + [b"end"]
    async with gateway.client(scheduler.new_session()) as client:
        for chunks, length in ((short, "90000"), (long, None)):
            scheduler.blobs[_SHA256] = chunks
            answer = await client.get(f"/v1/tasks/tsk_1/blobs/{_SHA256}")
            assert answer.content == b"".join(chunks)
            assert answer.headers["content-type"] == "application/octet-stream"
            assert answer.headers["content-disposition"] == f'attachment; filename="{_SHA256}"'
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers.get("content-length") == length


async def test_a_blob_that_breaks_off_is_not_taken_for_a_whole_one(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    scheduler.blobs[_SHA256] = [b"one", b"two", b""]
    async with gateway.client(scheduler.new_session()) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(f"/v1/tasks/tsk_1/blobs/{_SHA256}")


async def test_a_blob_that_is_not_there_is_a_problem(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        absent = await client.get(f"/v1/tasks/tsk_1/blobs/{_SHA256}")
        impossible = await client.get("/v1/tasks/tsk_1/blobs/..%2f..%2fetc")

    assert (absent.status_code, absent.json()["reason"]) == (404, "NOT_FOUND")
    assert impossible.status_code == 404
    assert not [call for call in scheduler.asked("GetBlob") if call.request.sha256 != _SHA256]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("verb", "path", "method", "body"),
    [
        ("POST", "/v1/tasks", "CreateTask", {"project_id": "prj_1", "prompt": "go"}),
        ("POST", "/v1/tasks/tsk_0/inputs", "AddInput", {"text": "go"}),
        ("PATCH", "/v1/inputs/inp_0", "EditInput", {"text": "go"}),
        ("POST", "/v1/tasks/tsk_0/stop", "StopTask", None),
        ("POST", "/v1/tasks/tsk_0/retry", "RetryTask", None),
    ],
)
async def test_the_idempotency_key_reaches_the_scheduler(
    gateway: Running, scheduler: SchedulerDouble, verb: str, path: str, method: str, body: dict[str, str] | None
) -> None:
    scheduler.tasks["tsk_0"] = new_task("tsk_0")
    async with gateway.client(scheduler.new_session()) as client:
        await client.request(verb, path, json=body, headers={"Idempotency-Key": "tap-42"})
        await client.request(verb, path, json=body)

    keys = [call.request.request_id for call in scheduler.asked(method)]  # type: ignore[attr-defined]
    assert keys == ["tap-42", ""]


async def test_an_impossible_idempotency_key_is_refused(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        for key in ("x" * 129, "two words"):
            answer = await client.post(
                "/v1/tasks", json={"project_id": "p", "prompt": "go"}, headers={"Idempotency-Key": key}
            )
            assert answer.status_code == 400
    assert not scheduler.asked("CreateTask")


async def test_events_come_as_kind_and_detail(gateway: Running, scheduler: SchedulerDouble) -> None:
    finished = ToolCallFinished(tool_call_id="toolu_1", tool_name="bash", summary="ok", duration=duration(1.5))
    scheduler.history.append(
        Event(
            task_id="tsk_1",
            attempt_id="att_1",
            created_time=timestamp(NOON_US),
            body=EventBody(tool_call_finished=finished),
        )
    )
    async with gateway.client(scheduler.new_session()) as client:
        answer = await client.get("/v1/tasks/tsk_1/events", params={"after_cursor": "1.0", "page_size": 500})

    assert answer.json() == {
        "events": [
            {
                "cursor": "1.1",
                "task_id": "tsk_1",
                "attempt_id": "att_1",
                "created_time": NOON,
                "kind": "tool_call_finished",
                "detail": {
                    "tool_call_id": "toolu_1",
                    "tool_name": "bash",
                    "summary": "ok",
                    "is_error": False,
                    "duration": 1.5,
                },
            }
        ],
        "has_more": True,
    }
    asked = scheduler.asked("ListEvents")[0].request
    assert (asked.task_id, asked.after_cursor, asked.page_size) == ("tsk_1", "1.0", 500)  # type: ignore[attr-defined]


async def test_content_is_the_stored_json_character_for_character(gateway: Running, scheduler: SchedulerDouble) -> None:
    content = '[ {"type":"text",  "text":"caf\\u00e9 é 🚀\\n", "n": 1.0e5, "a":1, "a":2} ]'.encode()
    scheduler.messages.append(
        nouns.Message(message_id="msg_1", task_id="tsk_1", role=nouns.ROLE_ASSISTANT, content=content, model="claude")
    )
    scheduler.tool_calls.append(
        nouns.ToolCall(tool_call_id="toolu_1", task_id="tsk_1", tool_name="bash", input=content, output=b'"done"')
    )
    async with gateway.client(scheduler.new_session()) as client:
        messages = await client.get("/v1/tasks/tsk_1/messages", params={"page_size": 9, "page_token": "m"})
        calls = await client.get("/v1/tasks/tsk_1/tool_calls", params={"page_size": 8, "page_token": "t"})

    message, call = messages.json()["messages"][0], calls.json()["tool_calls"][0]
    assert message["content"].encode() == content
    assert (message["role"], "usage" in message, messages.json()["next_page_token"]) == ("assistant", False, "newer")
    assert (call["input"].encode(), call["output"]) == (content, '"done"')
    assert "duration" not in call, "it still runs"
    assert scheduler.page_asked("ListMessages") == (9, "m")
    assert scheduler.page_asked("ListToolCalls") == (8, "t")


async def test_the_callers_own_token_and_request_id_reach_the_scheduler(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    ada, bob = scheduler.new_session("usr_ada"), scheduler.new_session("usr_bob")
    async with gateway.client() as client:
        for token in (ada, bob):
            await client.get("/v1/me", headers={"Authorization": f"Bearer {token}", "X-Request-Id": f"r-{token}"})

    assert [(call.token, call.request_id) for call in scheduler.asked("GetMe")] == [
        (ada, f"r-{ada}"),
        (bob, f"r-{bob}"),
    ]
