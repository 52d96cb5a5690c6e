"""A runner is killed or doubled: its attempts go on in their containers, or stand still until it is clear."""

import sqlite3
from collections import Counter
from contextlib import closing

import pytest

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand.v1.runner_pb2 import AttemptRef, HeldAttempt
from errand_common import rpc
from tests.demo.phone import is_final
from tests.e2e.watching import HELD, containers, event, let_go, no_container, started, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "run-command"


async def another_process_appears(stack, attempt):
    """It has a copy of the runner's data folder, and opens a session in its place."""
    folder = stack.folder / "scheduler" / "credentials" / "runners" / "local"
    token, ca = (folder / "token").read_text().strip(), (folder / "ca.pem").read_bytes()
    async with rpc.channel(stack.scheduler_address, ca=ca) as channel:
        request = pb.OpenSessionRequest(nonce="copy", version="1", slots=0, held_attempts=[attempt])
        return await DispatchServiceStub(channel).OpenSession(request, metadata=rpc.bearer(token), timeout=10)


def attempt_of(stack, task):
    """The live attempt of a task, as its runner would name it."""
    query = "SELECT attempt_id, fence, acked_sequence FROM attempts WHERE task_id = ? ORDER BY fence DESC LIMIT 1"
    with closing(sqlite3.connect(f"file:{stack.database}?mode=ro", uri=True)) as connection:
        attempt_id, fence, acked = connection.execute(query, (task["task_id"],)).fetchone()
    return HeldAttempt(attempt=AttemptRef(attempt_id=attempt_id, fence=fence), last_sequence=acked)


async def test_a_killed_runner_goes_on_in_the_container_that_it_left(stack, phone, project):
    task = await started(phone, project, "echo more > more; sleep 600")
    before = containers(task)

    await stack.processes.kill("runner")
    assert containers(task) == before
    await stack.start_runner()
    await until(phone, task, is_final)

    assert (await phone.task(task))["status"] == "completed"
    assert "may or may not have run" in (await phone.messages(task))[-1]["content"]
    events = await phone.events(task)
    told = Counter(each["kind"] for each in events)
    assert (told["sandbox_opened"], told["sandbox_adopted"]) == (1, 1)
    # By way of the new supervisor and the new broker.
    assert told["branch_pushed"] == 1
    sandboxes = {each["detail"]["sandbox_id"] for each in events if each["kind"].startswith("sandbox_")}
    assert len(sandboxes) == 1
    assert len({each["attempt_id"] for each in events if each["attempt_id"]}) == 1
    await no_container(task)
    assert list((stack.folder / "runner" / "s").iterdir()) == []
    assert list((stack.folder / "runner" / "sandboxes").iterdir()) == []


async def test_a_process_whose_place_was_taken_stands_still_until_it_is_confirmed(stack, phone, project):
    task = await started(phone, project, f"{HELD}; echo survived")

    await another_process_appears(stack, attempt_of(stack, task))
    await until(phone, task, event("attempt_thawed"))
    let_go(task)
    await until(phone, task, is_final)

    events = await phone.events(task)
    frozen, thawed = (
        next(each for each in events if each["kind"] == f"attempt_{word}") for word in ("frozen", "thawed")
    )
    assert events.index(frozen) < events.index(thawed)
    assert [call["is_error"] for call in await phone.tool_calls(task)] == [False]
    assert "survived" in (await phone.tool_calls(task))[0]["output"]
    assert (await phone.task(task))["status"] == "completed"
