"""A task and all that is said to it, over REST."""

from errand.v1 import account_service_pb2 as accounts
from errand.v1 import task_pb2 as nouns
from errand.v1 import task_service_pb2 as tasks
from errand_common.wire import duration
from tests.unit.gateway.gateway_under_test import Running
from tests.unit.gateway.scheduler_double import NOON, NOON_US, SchedulerDouble, new_task


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
    assert scheduler.page_asked("ListTasks") == (3, "p")


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


async def test_a_task_is_sent_on_and_says_why_it_waits(gateway: Running, scheduler: SchedulerDouble) -> None:
    waiting = scheduler.tasks["tsk_1"] = new_task("tsk_1")
    waiting.wait_reason = nouns.WAIT_REASON_QUOTA
    waiting.resume_time.FromMicroseconds(NOON_US)
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
