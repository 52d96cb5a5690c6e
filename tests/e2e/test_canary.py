"""The GitHub token and the model key occur nowhere: not in container, volume, database, outbox, logs or event stream.

Every place is searched for the secrets, and for a word that must be found there, so that the search is known to see.
"""

import json
import subprocess
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from tests.demo.processes import from_nothing
from tests.e2e.watching import event, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "run-command"
# A fork shows the command line of what forked it.
BEGIN = from_nothing

KNOWN = "a-word-that-is-known-to-be-there"
NOSY = (
    f"echo {KNOWN} > /workspace/note; env; git config --list --show-origin; git remote -v; git fetch; "
    "cat /proc/[0-9]*/environ /run/broker/* 2>/dev/null; sleep 600"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def task(phone, project):
    """A task in the middle of a command that looks for secrets."""
    made = await phone.create_task(project, f"Run: {NOSY}")
    await until(phone, made, lambda message: "PYTHONUNBUFFERED" in message.get("delta", {}).get("text", ""))
    return await phone.task(made)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secrets(stack, phone):
    """What must not be found, by name."""
    async with httpx2.AsyncClient() as http:
        headers = {"Authorization": f"Bearer {stack.github['control_key']}"}
        answer = await http.get(f"{stack.github['url']}/_standin/tokens", headers=headers)
    tokens = answer.json()["tokens"]
    assert tokens
    service_tokens = [path.read_text().strip() for path in (stack.folder / "scheduler" / "credentials").rglob("token")]
    return [*tokens, *service_tokens, stack.claude.key, stack.client_secret, phone.access_token, phone.refresh_token]


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True).stdout


def holds(data, secrets):
    return [secret[:8] for secret in secrets if secret.encode() in data]


def tree(*roots):
    return b"".join(path.read_bytes() for root in roots for path in sorted(root.rglob("*")) if path.is_file())


async def test_not_in_the_container(task, secrets):
    container = task["container_id"]
    inspected = output_of("docker", "inspect", container)
    processes = output_of(
        "docker", "exec", "--user", "0", container, "sh", "-c", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; true"
    )
    files = output_of("docker", "export", container)

    assert KNOWN.encode() in processes
    assert b"errand/packages.txt" in files
    assert b"errand.task" in inspected
    assert holds(inspected + processes + files, secrets) == []


async def test_not_in_the_volume(stack, task, secrets):
    template = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}'
    (name,) = output_of("docker", "inspect", "--format", template, task["container_id"]).decode().split()
    mount = f"{name}:/v:ro"
    data = output_of("docker", "run", "--rm", "--network", "none", "-v", mount, stack.image, "tar", "-c", "/v")

    assert KNOWN.encode() in data
    assert holds(data, secrets) == []


async def test_not_in_database_or_outbox(stack, task, secrets):
    database = b"".join(path.read_bytes() for path in stack.database.parent.glob("errand.db*"))
    outbox = tree(stack.folder / "runner" / "outbox")

    assert KNOWN.encode() in database
    assert KNOWN.encode() in outbox
    assert holds(database + outbox, secrets) == []


async def test_not_in_the_list_of_processes(stack, secrets):
    listed = b""
    for process in stack.processes.running.values():
        listed += Path(f"/proc/{process.pid}/cmdline").read_bytes()

    assert b"errand_runner" in listed
    assert holds(listed, secrets) == []


async def test_not_in_any_log_and_no_prompt_either(stack, task, secrets):
    logs = b"".join(path.read_bytes() for path in stack.folder.glob("*.log"))

    assert task["task_id"].encode() in logs
    assert holds(logs, [*secrets, KNOWN]) == []


async def test_not_in_the_event_stream(phone, task, secrets):
    cursor = (await phone.events(task))[-1]["cursor"]
    await phone.stop(task)
    live = await until(phone, task, event("task_status_changed", status="cancelled"), cursor=cursor)
    told = [
        live,
        await phone.events(task),
        await phone.messages(task),
        await phone.tool_calls(task),
    ]
    data = json.dumps(told).encode()

    assert KNOWN.encode() in data
    assert holds(data, secrets) == []
