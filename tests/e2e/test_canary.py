"""What is lent occurs nowhere: not in container, volume, database, blobs, the runner's files, logs or event stream, nor
in what came to the git host.

Every place is searched for the secrets, and for a word that must be found there, so that the search is known to see.
"""

import json
import secrets as random
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.demo.processes import from_nothing
from tests.demo.stack import REPOSITORY
from tests.e2e.places import (
    BLOBS,
    DATABASE,
    GIT_HOST,
    LOGS,
    OUTBOX,
    RUNNER,
    holds,
    output_of,
    places,
    processes,
    volume,
)
from tests.e2e.watching import event, run, until
from tests.standins.github.remote import RemoteGitHub

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "steps"
# A fork shows the command line of what forked it.
BEGIN = from_nothing

KNOWN = "a-word-that-is-known-to-be-there"
SETUP = f"""
echo {KNOWN} "with ${{#FOR_SETUP}} and ${{#FOR_AGENT}} characters"
echo "$FOR_SETUP" "$FOR_AGENT"
printf %s "$FOR_SETUP" | sha256sum > ~/digest
"""
# More than 64 KiB, which go into a blob of their own.
LONG = f"""python3 -c "print(('{KNOWN} ' + chr(0x1f680) * 900 + chr(10)) * 25)" """
NOSY = f"""
echo {KNOWN} > /workspace/note
env
git config --list --show-origin
git remote -v
git fetch
cat /proc/[0-9]*/environ /run/broker/* 2>/dev/null
echo
printf %s "${{FOR_AGENT:0:12}}"
sleep 0.3
printf '%s\\n' "${{FOR_AGENT:12}}"
echo "of the setup: <${{FOR_SETUP-nothing}}>"
echo all was seen
sleep 600
"""


@dataclass(frozen=True)
class Canaries:
    """What is lent to be used and never to be seen, and what Claude's commands have, and nobody else."""

    lent: list[str]
    marked: str

    def all(self) -> list[str]:
        return [*self.lent, self.marked]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own(phone, project):
    """The project's own secrets, by name."""
    own = {"FOR_SETUP": f"canary-{random.token_hex(16)}", "FOR_AGENT": f"canary-{random.token_hex(16)}"}
    await phone.set_secret(project, "FOR_SETUP", own["FOR_SETUP"])
    await phone.set_secret(project, "FOR_AGENT", own["FOR_AGENT"], may_read=True)
    await phone.update_project(project, setup_script=SETUP)
    return own


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(phone, project, own):
    """A task in the middle of a command that looks for secrets, with all that its watchers were shown."""
    made = await phone.create_task(project, f"Steps: {LONG};{NOSY}")
    shown = await until(phone, made, lambda message: "all was seen" in message.get("delta", {}).get("text", ""))
    return await phone.task(made), shown


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def task(watched):
    return watched[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def canaries(stack, phone, own):
    """What must not be found."""
    tokens = await RemoteGitHub(stack.github).tokens()
    assert tokens
    service_tokens = [path.read_text().strip() for path in (stack.folder / "scheduler" / "credentials").rglob("token")]
    people = [phone.access_token, phone.refresh_token]
    lent = [*tokens, *service_tokens, *people, stack.claude.key, stack.client_secret, own["FOR_SETUP"]]
    return Canaries(lent, own["FOR_AGENT"])


def shown_text(shown):
    """Pieces of one text joined: a secret may come in two of them."""
    return "".join(message["delta"]["text"] for message in shown if message["type"] == "delta")


async def test_each_gets_what_it_was_set_for_and_shows_none_of_it(watched, canaries):
    text = shown_text(watched[1])

    assert f"{KNOWN} with 39 and 39 characters\n[redacted] [redacted]\n" in text, "the setup script has both"
    assert "FOR_AGENT=[redacted]\n" in text
    assert "\n[redacted]\nof the setup: <nothing>" in text, "also where it comes in two pieces"
    assert holds(text.encode(), canaries.all()) == []


async def test_not_in_the_container(task, canaries):
    container = task["container_id"]
    inspected = output_of("docker", "inspect", container)
    running = processes(task)
    files = output_of("docker", "export", container)

    assert KNOWN.encode() in running
    assert canaries.marked.encode() in running, "what is marked is in the command's environment"
    assert b"errand/packages.txt" in files
    assert b"errand.task" in inspected
    assert holds(inspected + running + files, canaries.lent) == []
    assert holds(inspected + files, [canaries.marked]) == []


async def test_not_in_the_volume(stack, task, canaries):
    data = volume(stack, task)

    assert KNOWN.encode() in data
    assert holds(data, canaries.lent) == []


@pytest.mark.parametrize("place", [DATABASE, BLOBS, OUTBOX, RUNNER])
async def test_not_in_what_is_kept(stack, task, canaries, place):
    data = places(stack)[place]

    assert (KNOWN if place != RUNNER else task["task_id"]).encode() in data
    assert holds(data, canaries.all()) == []


async def test_not_in_the_list_of_processes(stack, canaries):
    listed = b""
    for process in stack.processes.running.values():
        listed += Path(f"/proc/{process.pid}/cmdline").read_bytes()

    assert b"errand_runner" in listed
    assert holds(listed, canaries.all()) == []


async def test_not_in_any_log_and_no_prompt_either(stack, task, canaries):
    logs = places(stack)[LOGS]

    assert task["task_id"].encode() in logs
    assert holds(logs, [*canaries.all(), KNOWN]) == []


async def test_not_in_the_event_stream(phone, watched, canaries):
    task, shown = watched
    cursor = (await phone.events(task))[-1]["cursor"]
    await phone.stop(task)
    live = await until(phone, task, event("task_status_changed", status="cancelled"), cursor=cursor)
    told = [
        shown,
        live,
        await phone.events(task),
        await phone.messages(task),
        await phone.tool_calls(task),
    ]
    data = json.dumps(told).encode()

    assert KNOWN.encode() in data
    assert holds(data, canaries.all()) == []


async def test_not_in_what_is_pushed_nor_in_its_pull_request(stack, phone, project, canaries):
    look = "env; git config --list; cat /proc/[0-9]*/environ 2>/dev/null"
    task = await run(phone, project, f"Steps: ({look}) | grep -av ^FOR_AGENT= > seen; echo {KNOWN} >> seen")
    texts = "\n".join(await RemoteGitHub(stack.github).pull_request_texts(REPOSITORY))
    pushed = places(stack)[GIT_HOST]

    assert task["branch"].encode() in pushed
    assert (KNOWN.encode() in pushed, KNOWN in texts) == (True, True)
    assert holds(pushed + texts.encode(), canaries.lent) == []
