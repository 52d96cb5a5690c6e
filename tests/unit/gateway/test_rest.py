"""REST says what the scheduler says, under the caller's own token."""

from typing import TypeVar

import httpx2
import pytest

from errand.v1 import account_service_pb2 as accounts
from errand.v1 import task_pb2 as nouns
from errand.v1 import task_service_pb2 as tasks
from errand.v1.event_pb2 import Event, EventBody, ToolCallFinished
from errand_common.wire import duration, timestamp
from tests.unit.gateway.gateway_under_test import Running
from tests.unit.gateway.scheduler_double import NOON_US, SchedulerDouble, new_task

T = TypeVar("T")
NOON = "2025-11-24T16:00:00.123456Z"


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


async def test_a_project_is_created_and_listed(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        created = await client.post("/v1/projects", json={"repository": "ada/engine"})
        listed = await client.get("/v1/projects", params={"page_size": 7, "page_token": "next"})

    project = {
        "project_id": "prj_1",
        "repo_url": "https://github.com/ada/engine.git",
        "repository": "ada/engine",
        "default_branch": "main",
        "created_time": NOON,
        "image": "",
        "setup_script": "",
        "git_host": "",
        "read_repositories": [],
        "draft_pull_requests": False,
    }
    assert (created.status_code, created.json()) == (201, {"project": project})
    assert listed.json() == {"projects": [project], "next_page_token": "older"}
    assert _page(scheduler, "ListProjects") == (7, "next")


async def test_a_project_of_another_git_host_is_asked_for_by_its_address(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        await client.post("/v1/projects", json={"repo_url": "https://git.example.org/team/tool.git"})

    asked = [call.request for call in scheduler.asked("CreateProject")]
    assert asked == [accounts.CreateProjectRequest(repo_url="https://git.example.org/team/tool.git")]


async def test_what_is_used_at_another_git_host_is_kept_and_never_shown(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    kept = {"host": "git.example.org", "username": "ada", "created_time": NOON}
    async with gateway.client(scheduler.new_session()) as client:
        brought = {"username": "ada", "password": "s3cret"}
        put = await client.put("/v1/git-credentials/git.example.org", json=brought, headers={"Idempotency-Key": "k"})
        listed = await client.get("/v1/git-credentials")
        removed = await client.delete("/v1/git-credentials/other%3A3000")

    assert put.json() == {"credential": kept}
    assert listed.json() == {"credentials": [kept], "hosts": ["git.example.org", "other:3000"]}
    assert (removed.status_code, removed.json()) == (200, {})
    assert [call.request for call in scheduler.asked("PutGitCredential")] == [
        accounts.PutGitCredentialRequest(request_id="k", host="git.example.org", username="ada", password="s3cret")
    ]
    assert [call.request for call in scheduler.asked("RemoveGitCredential")] == [
        accounts.RemoveGitCredentialRequest(host="other:3000")
    ]


async def test_the_settings_of_a_project_are_changed_one_by_one(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        image = await client.patch("/v1/projects/prj_1", json={"image": "node:22"}, headers={"Idempotency-Key": "k"})
        script = await client.patch("/v1/projects/prj_1", json={"setup_script": "make\n", "image": None})
        none = await client.patch("/v1/projects/prj_1", json={"setup_script": ""})
        read = await client.patch("/v1/projects/prj_1", json={"read_repositories": ["ada/notes"]})
        await client.patch("/v1/projects/prj_1", json={"read_repositories": []})

    assert (image.status_code, image.json()["project"]["image"]) == (200, "node:22")
    assert script.json()["project"]["setup_script"] == "make\n"
    assert none.status_code == 200
    assert read.json()["project"]["read_repositories"] == ["ada/notes"]
    asked = [call.request for call in scheduler.asked("UpdateProject")]
    assert asked == [
        accounts.UpdateProjectRequest(project_id="prj_1", request_id="k", image="node:22"),
        accounts.UpdateProjectRequest(project_id="prj_1", setup_script="make\n"),
        accounts.UpdateProjectRequest(project_id="prj_1", setup_script=""),
        accounts.UpdateProjectRequest(
            project_id="prj_1", read_repositories=accounts.RepositoryNames(repositories=["ada/notes"])
        ),
        accounts.UpdateProjectRequest(project_id="prj_1", read_repositories=accounts.RepositoryNames()),
    ], "what is left out is not named, and empty is named"


async def test_a_secret_is_set_listed_and_removed_and_never_given_back(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    body = {"value": "the-value", "agent_may_read": True}
    async with gateway.client(scheduler.new_session()) as client:
        put = await client.put("/v1/projects/prj_1/secrets/KEY", json=body, headers={"Idempotency-Key": "k"})
        plain = await client.put("/v1/projects/prj_1/secrets/PLAIN", json={"value": "the-value"})
        listed = await client.get("/v1/projects/prj_1/secrets")
        gone = await client.delete("/v1/projects/prj_1/secrets/KEY", headers={"Idempotency-Key": "g"})
        wrong = await client.put("/v1/projects/prj_1/secrets/KEY", json={"value": ["the-value"]})

    key = {"name": "KEY", "agent_may_read": True, "set_time": NOON}
    assert (put.status_code, put.json()) == (200, {"secret": key})
    assert listed.json() == {"secrets": [key, {"name": "PLAIN", "agent_may_read": False, "set_time": NOON}]}
    assert (gone.status_code, gone.content) == (204, b"")
    assert wrong.status_code == 400
    assert not [answer for answer in (put, plain, listed, wrong) if "the-value" in answer.text]
    (sent, _), (removed,) = (
        [call.request for call in scheduler.asked(f"{do}ProjectSecret")] for do in ("Set", "Remove")
    )
    assert sent == accounts.SetProjectSecretRequest(
        project_id="prj_1", request_id="k", name="KEY", value="the-value", agent_may_read=True
    )
    assert removed == accounts.RemoveProjectSecretRequest(project_id="prj_1", request_id="g", name="KEY")


async def test_a_model_is_chosen_in_the_words_of_its_api(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        choice = {"model": "claude-opus-5-5", "effort": "xhigh", "thinking_display": "omitted", "fallback_model": "x"}
        changed = await client.patch("/v1/projects/prj_1", json={"model_choice": choice})
        odd = await client.patch("/v1/projects/prj_1", json={"model_choice": {"effort": "heroic"}})

    assert changed.json()["project"]["model_choice"] == choice
    assert odd.status_code == 400
    assert odd.json()["detail"].startswith('effort "heroic" is unknown; use one of low, medium, high, xhigh, max')
    asked = nouns.ModelChoice(
        model="claude-opus-5-5",
        effort=nouns.EFFORT_XHIGH,
        thinking_display=nouns.THINKING_DISPLAY_OMITTED,
        fallback_model="x",
    )
    assert [call.request for call in scheduler.asked("UpdateProject")] == [
        accounts.UpdateProjectRequest(project_id="prj_1", model_choice=asked)
    ]


async def test_a_task_may_have_a_model_of_its_own(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        body = {"project_id": "prj_1", "prompt": "go"}
        await client.post("/v1/tasks", json={**body, "model_choice": {"model": "claude-opus-5-5", "effort": "max"}})
        await client.post("/v1/tasks", json=body)
        odd = await client.post("/v1/tasks", json={**body, "model_choice": {"effort": "heroic"}})

    assert odd.status_code == 400
    own, none = [call.request for call in scheduler.asked("CreateTask")]
    asked = nouns.ModelChoice(model="claude-opus-5-5", effort=nouns.EFFORT_MAX)
    assert own == tasks.CreateTaskRequest(project_id="prj_1", prompt="go", model_choice=asked)
    assert none == tasks.CreateTaskRequest(project_id="prj_1", prompt="go")


async def test_a_check_is_declared_with_its_limit_in_seconds(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        check = {"script": "make test", "limit_duration": 90.0}
        changed = await client.patch("/v1/projects/prj_1", json={"check": check})
        odd = await client.patch("/v1/projects/prj_1", json={"check": {"limit_duration": 1e300}})

    assert changed.json()["project"]["check"] == check
    assert (odd.status_code, odd.json()["reason"]) == (400, "INVALID")
    asked = nouns.Check(script="make test", limit_duration=duration(90.0))
    assert [call.request for call in scheduler.asked("UpdateProject")] == [
        accounts.UpdateProjectRequest(project_id="prj_1", check=asked)
    ]


async def test_drafts_are_wanted_or_not_and_what_is_not_said_stays(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        before = await client.patch("/v1/projects/prj_1", json={"image": "node:22"})
        wanted = await client.patch("/v1/projects/prj_1", json={"draft_pull_requests": True})
        given_up = await client.patch("/v1/projects/prj_1", json={"draft_pull_requests": False})

    told = [each.json()["project"]["draft_pull_requests"] for each in (before, wanted, given_up)]
    assert told == [False, True, False]
    asked = [call.request for call in scheduler.asked("UpdateProject")]
    assert [each.HasField("draft_pull_requests") for each in asked] == [False, True, True]


async def test_what_a_project_reaches_is_replaced_and_a_host_is_allowed(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        egress = {"mode": "allow_list", "presets": ["python"], "hosts": ["api.example.com"]}
        changed = await client.patch("/v1/projects/prj_1", json={"egress": egress})
        odd = await client.patch("/v1/projects/prj_1", json={"egress": {"mode": "everything"}})
        allowed = await client.post("/v1/projects/prj_1/hosts", json={"host": "cdn.example.com"})
        presets = await client.get("/v1/egress-presets")

    assert changed.json()["project"]["egress"] == egress | {"allowed_hosts": []}
    assert (odd.status_code, allowed.status_code) == (200, 200)
    whole = nouns.Egress(mode=nouns.EGRESS_MODE_ALLOW_LIST, presets=["python"], hosts=["api.example.com"])
    assert [call.request for call in scheduler.asked("UpdateProject")] == [
        accounts.UpdateProjectRequest(project_id="prj_1", egress=whole),
        accounts.UpdateProjectRequest(project_id="prj_1", egress=nouns.Egress()),
    ], "it is the scheduler that refuses a mode that there is not"
    (asked,) = scheduler.asked("AllowHost")
    assert asked.request == accounts.AllowHostRequest(project_id="prj_1", host="cdn.example.com")
    assert presets.json() == {"presets": [{"name": "python", "title": "Python", "hosts": ["registry.example"]}]}


async def test_repositories_are_listed(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        listed = await client.get("/v1/repositories", params={"page_size": 7, "page_token": "next"})

    found = {"repository": "ada/engine", "default_branch": "trunk", "private": True, "may_push": False}
    assert listed.json() == {"repositories": [found], "next_page_token": "older"}
    assert _page(scheduler, "ListRepositories") == (7, "next")


async def test_a_task_is_created_read_and_listed(gateway: Running, scheduler: SchedulerDouble) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        created = await client.post("/v1/tasks", json={"project_id": "prj_1", "prompt": "mäke it so 🚀"})
        read = await client.get("/v1/tasks/tsk_1")
        listed = await client.get("/v1/tasks", params={"page_size": 3, "page_token": "p"})

    task = created.json()["task"]
    assert created.status_code == 201
    assert task["prompt"] == "mäke it so 🚀"
    assert task["status"] == "pending"
    assert task["usage"]["input_tokens"] == 3
    assert "diff_stat" not in task, "what is not set is left out"
    assert read.json() == {"task": task}
    assert listed.json() == {"tasks": [task], "next_page_token": "older"}
    assert _page(scheduler, "ListTasks") == (3, "p")


async def test_an_input_is_added_and_a_task_stopped(gateway: Running, scheduler: SchedulerDouble) -> None:
    scheduler.tasks["tsk_1"] = new_task("tsk_1")
    async with gateway.client(scheduler.new_session()) as client:
        added = await client.post("/v1/tasks/tsk_1/inputs", json={"text": "also that"})
        stopped = await client.post("/v1/tasks/tsk_1/stop")

    assert added.status_code == 201
    assert added.json()["input"] == {
        "input_id": "inp_1",
        "task_id": "tsk_1",
        "text": "also that",
        "taken": False,
        "kind": "queue",
        "removed": False,
        "created_time": NOON,
    }
    assert added.json()["task"]["task_id"] == "tsk_1"
    assert (stopped.status_code, stopped.json()["task"]["status"]) == (200, "cancelled")


async def test_an_input_may_steer(gateway: Running, scheduler: SchedulerDouble) -> None:
    scheduler.tasks["tsk_1"] = new_task("tsk_1")
    async with gateway.client(scheduler.new_session()) as client:
        added = await client.post("/v1/tasks/tsk_1/inputs", json={"text": "not there", "kind": "steer"})
        answered = await client.post("/v1/tasks/tsk_1/inputs", json={"text": "the blue one", "kind": "answer"})
        refused = await client.post("/v1/tasks/tsk_1/inputs", json={"text": "not there", "kind": "shout"})

    assert added.json()["input"]["kind"] == "steer"
    assert answered.json()["input"]["kind"] == "answer"
    assert refused.status_code == 400
    assert "kind" in refused.json()["detail"]
    kinds = [call.request.kind for call in scheduler.asked("AddInput")]  # type: ignore[attr-defined]
    assert kinds == [nouns.INPUT_KIND_STEER, nouns.INPUT_KIND_ANSWER]


async def test_what_waits_is_listed_edited_promoted_and_taken_back(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    scheduler.tasks["tsk_1"] = new_task("tsk_1")
    async with gateway.client(scheduler.new_session()) as client:
        await client.post("/v1/tasks/tsk_1/inputs", json={"text": "also that"})
        edited = await client.patch("/v1/inputs/inp_1", json={"text": "also this"})
        promoted = await client.post("/v1/inputs/inp_1/promote")
        listed = await client.get("/v1/tasks/tsk_1/inputs")
        removed = await client.delete("/v1/inputs/inp_1")

    assert edited.json()["input"]["text"] == "also this"
    assert promoted.json()["input"]["kind"] == "steer"
    assert listed.json() == {"inputs": [promoted.json()["input"]]}
    assert (removed.status_code, removed.json()["input"]["removed"]) == (200, True)


async def test_a_task_may_ask_for_labels(gateway: Running, scheduler: SchedulerDouble) -> None:
    wanted = {"region": "eu", "gpu": "no"}
    async with gateway.client(scheduler.new_session()) as client:
        body = {"project_id": "prj_1", "prompt": "go", "required_labels": wanted}
        created = await client.post("/v1/tasks", json=body)

    assert created.json()["task"]["required_labels"] == wanted
    assert scheduler.asked("CreateTask")[0].request.required_labels == wanted  # type: ignore[attr-defined]


async def test_a_task_is_sent_on_and_says_why_it_waits(gateway: Running, scheduler: SchedulerDouble) -> None:
    waiting = scheduler.tasks["tsk_1"] = new_task("tsk_1")
    waiting.wait_reason = nouns.WAIT_REASON_QUOTA
    waiting.resume_time.CopyFrom(required(timestamp(NOON_US)))
    async with gateway.client(scheduler.new_session()) as client:
        retried = await client.post("/v1/tasks/tsk_1/retry")
        why = await client.get("/v1/tasks/tsk_1/pending")

    task = retried.json()["task"]
    assert (retried.status_code, task["task_id"]) == (200, "tsk_1")
    assert (task["wait_reason"], task["resume_time"]) == ("quota", NOON)
    assert why.json() == {
        "reason": "every slot is taken",
        "runners": [{"runner": "local", "reason": "it has no free slot"}],
        "ahead": 2,
    }


_SHA256 = "0123456789abcdef" * 4


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


async def test_a_blob_that_is_not_there_is_a_problem_and_one_that_breaks_off_is_not_whole(
    gateway: Running, scheduler: SchedulerDouble
) -> None:
    async with gateway.client(scheduler.new_session()) as client:
        absent = await client.get(f"/v1/tasks/tsk_1/blobs/{_SHA256}")
        impossible = await client.get("/v1/tasks/tsk_1/blobs/..%2f..%2fetc")
        scheduler.blobs[_SHA256] = [b"one", b"two", b""]
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(f"/v1/tasks/tsk_1/blobs/{_SHA256}")

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
    assert _page(scheduler, "ListMessages") == (9, "m")
    assert _page(scheduler, "ListToolCalls") == (8, "t")


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


def required(found: T | None) -> T:
    assert found is not None
    return found


def _page(scheduler: SchedulerDouble, method: str) -> tuple[int, str]:
    request = scheduler.asked(method)[0].request
    return request.page_size, request.page_token  # type: ignore[attr-defined]


async def test_what_a_task_may_spend_is_said_and_shown(gateway: Running, scheduler: SchedulerDouble) -> None:
    wish = {"cost_nanodollars": 2_000_000_000, "work_duration": 90.5}
    async with gateway.client(scheduler.new_session()) as client:
        created = await client.post("/v1/tasks", json={"project_id": "prj_1", "prompt": "Go.", "allowance": wish})
        await client.post("/v1/tasks", json={"project_id": "prj_1", "prompt": "Go."})
        await client.patch("/v1/projects/prj_1", json={"allowance": {"requests": 50}})
        odd = await client.post(
            "/v1/tasks", json={"project_id": "prj_1", "prompt": "Go.", "allowance": {"tokens": "x"}}
        )

    asked = nouns.Allowance(cost_nanodollars=2_000_000_000, work_duration=duration(90.5))
    assert [call.request for call in scheduler.asked("CreateTask")] == [
        tasks.CreateTaskRequest(project_id="prj_1", prompt="Go.", allowance=asked),
        tasks.CreateTaskRequest(project_id="prj_1", prompt="Go."),
    ]
    assert created.json()["task"]["allowance"] == {**wish, "tokens": 0, "requests": 0}
    assert [call.request for call in scheduler.asked("UpdateProject")] == [
        accounts.UpdateProjectRequest(project_id="prj_1", allowance=nouns.Allowance(requests=50))
    ]
    assert odd.status_code == 400


async def test_what_a_task_may_spend_is_raised_once_for_a_key(gateway: Running, scheduler: SchedulerDouble) -> None:
    scheduler.tasks["tsk_1"] = new_task("tsk_1", "prj_1", "Go.")
    more = {"cost_nanodollars": 2_000_000_000}
    async with gateway.client(scheduler.new_session()) as client:
        answer = await client.post("/v1/tasks/tsk_1/allowance", json=more, headers={"Idempotency-Key": "tap"})

    assert (answer.status_code, answer.json()["task"]["task_id"]) == (200, "tsk_1")
    assert [call.request for call in scheduler.asked("RaiseAllowance")] == [
        tasks.RaiseAllowanceRequest(
            task_id="tsk_1", request_id="tap", more=nouns.Allowance(cost_nanodollars=2_000_000_000)
        )
    ]
