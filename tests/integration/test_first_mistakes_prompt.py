"""A prompt, or what is added to a task, that is blank or too long is refused in words, whichever way it comes."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from errand.v1 import task_service_pb2
from errand_common import rpc
from errand_common.errors import Invalid
from errand_gateway.config import GatewaySettings
from tests.integration.scheduling import DEADLINE_S, Person, Stack
from tests.unit.gateway.gateway_under_test import running as gateway_running

LIMIT_BYTES = 64 * 1024
WRONG = {
    "empty": ("", 400, "is blank; write what to do"),
    "blank": (" \n\t ", 400, "is blank; write what to do"),
    "a byte too long": ("é" * (LIMIT_BYTES // 2) + "!", 400, "has 65537 bytes; the most is 65536"),
    "a megabyte": ("x" * 1_000_000, 413, "the request is larger than 262144 bytes; send less"),
}


@pytest.fixture
async def person(running: Stack) -> Person:
    return await running.sign_in()


@pytest.fixture
async def http(running: Stack, person: Person, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """The person's way in over REST, through a real gateway to the real scheduler."""
    credential = running.data / "credentials" / "gateway"
    wanted = GatewaySettings.model_validate(
        {
            "ERRAND_LISTEN": "127.0.0.1:0",
            "ERRAND_SCHEDULER": running.address,
            "ERRAND_CA_FILE": credential / "ca.pem",
            "ERRAND_TOKEN_FILE": credential / "token",
        }
    )
    async with gateway_running(wanted) as gateway, gateway.client(person.access_token) as client:
        yield client


@pytest.mark.parametrize("case", WRONG)
async def test_over_rest(http: httpx2.AsyncClient, person: Person, case: str) -> None:
    text, status, words = WRONG[case]
    project = await person.add_project()
    task = await person.create(project.project_id)
    before = await stored(person, task.task_id)

    created = await http.post("/v1/tasks", json={"project_id": project.project_id, "prompt": text})
    added = await http.post(f"/v1/tasks/{task.task_id}/inputs", json={"text": text})

    for field, answer in (("prompt", created), ("text", added)):
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"] == (words if status == 413 else f"{field} {words}")
    assert await stored(person, task.task_id) == before


@pytest.mark.parametrize("case", WRONG)
async def test_over_grpc(person: Person, case: str) -> None:
    text, _, words = WRONG[case]
    words = "has 1000000 bytes; the most is 65536" if case == "a megabyte" else words
    project = await person.add_project()
    task = await person.create(project.project_id)
    before = await stored(person, task.task_id)

    for field, asked in (
        ("prompt", person.create(project.project_id, prompt=text)),
        ("text", person.add_input(task.task_id, text)),
    ):
        with pytest.raises(Invalid) as refused, rpc.renamed_errors():
            await asked
        assert refused.value.message == f"{field} {words}"
    assert await stored(person, task.task_id) == before


async def test_the_longest_is_taken_whole(http: httpx2.AsyncClient, person: Person) -> None:
    longest = "é" * (LIMIT_BYTES // 2)
    project = await person.add_project()

    created = await http.post("/v1/tasks", json={"project_id": project.project_id, "prompt": longest})

    assert created.is_success, created.text
    assert (await person.task(created.json()["task"]["task_id"])).prompt == longest


async def stored(person: Person, task_id: str) -> tuple[list[str], int]:
    """All tasks, and how many facts there are of this one."""
    request = task_service_pb2.ListTasksRequest()
    answer = await person.tasks.ListTasks(request, metadata=person.metadata, timeout=DEADLINE_S)
    kinds = [event.body.WhichOneof("kind") for event in await person.events(task_id)]
    return [task.task_id for task in answer.tasks], kinds.count("input_added")
