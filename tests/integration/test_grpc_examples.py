"""The examples of docs/grpc.md run as they stand."""

import asyncio
import os
import re
import sys
from pathlib import Path

from errand.v1 import task_pb2
from tests.integration.access import new_token
from tests.integration.scheduling import DEADLINE_S, Person, Stack, inputs_event, phase_event

ROOT = Path(__file__).parents[2]
WITHIN_S = 4 * DEADLINE_S  # programs that start


def example(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "grpc.md").read_text(), re.DOTALL)
    return str(found)


async def signed_in(running: Stack) -> tuple[Person, dict[str, str]]:
    """Somebody with a project, and the environment that the page asks for: with a token that acts for them."""
    person = await running.sign_in()
    await person.add_project()
    scopes = ["tasks:read", "tasks:write", "account:read"]
    made = await new_token(running, person.access_token, scopes=scopes, user_id="me")
    return person, {
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "HOME": str(running.data),
        "ERRAND_SCHEDULER": running.address,
        "ERRAND_CA_FILE": str(running.data / "credentials" / "gateway" / "ca.pem"),
        "ERRAND_TOKEN": made.secret,
    }


async def output(*command: str, env: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_the_one_in_python_creates_a_task_and_watches_it_to_its_end(running: Stack) -> None:
    _, env = await signed_in(running)
    async with running.runner() as runner, asyncio.TaskGroup() as group:
        said = group.create_task(output(sys.executable, "-c", example("python"), "Add a test", env=env))
        taken = await asyncio.wait_for(runner.take(), WITHIN_S)
        await runner.send(taken.attempt, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING), inputs_event(taken))
        await runner.finish(taken.attempt)
    words = said.result().split()
    assert "message_appended" in words
    assert words[-1] == "TASK_STATUS_COMPLETED"


async def test_the_one_with_buf_finds_the_services_and_creates_a_task(running: Stack) -> None:
    person, env = await signed_in(running)
    said = await output("bash", "-euo", "pipefail", "-c", example("bash"), env=env)
    assert "errand.v1.TaskService" in said.split()
    assert '"status": "SERVING"' in said
    (task_id,) = set(re.findall(r'"taskId": *"(tsk_[0-9a-z]+)"', said))
    assert (await person.task(task_id)).prompt == "Add a test"
