"""Sixty turns of work whose runner is killed ten times come to what the same work undisturbed comes to."""

import asyncio
import json
import random
import re
import subprocess

import pytest

from tests.demo.phone import Json, Phone, is_final
from tests.demo.stack import Stack
from tests.e2e.watching import no_container, until
from tests.standins.claude.scripts.long_session import INTERRUPTED, TURNS

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "long-session"
# A word takes its time, so that some runners end in the middle of a reply.
PACE_MS = 4
KILLS = 10
MOMENTS = ("tool_call_started", "tool_call_finished", "message_appended", "delta")
LONG_S = 120.0
_DURATION = re.compile(r"\d+(?:\.\d+)? ?m?s\b")


async def test_a_session_that_is_killed_ten_times_ends_as_if_it_never_was(
    stack: Stack, phone: Phone, project: Json
) -> None:
    whole = await phone.create_task(project, "Do it all.")
    await until(phone, whole, is_final)
    broken = await phone.create_task(project, "Do it all.")
    killed_at = await disturb(stack, phone, broken)

    assert len(killed_at) == KILLS
    for task in (whole, broken):
        assert (await phone.task(task))["status"] == "completed"
    assert tree_of(stack, broken) == tree_of(stack, whole)
    turns = turns_of(await phone.messages(whole))
    assert len(turns) == TURNS
    assert turns_of(await phone.messages(broken)) == turns
    events = await phone.events(broken)
    assert [each["kind"] for each in events].count("sandbox_opened") == 1
    assert len({each["attempt_id"] for each in events if each["attempt_id"]}) == 1
    await no_container(broken)


async def disturb(stack: Stack, phone: Phone, task: Json) -> list[str]:
    """Kills the runner at ten moments that are spread over the work, and starts it anew; gives what came last."""
    chance, killed_at, calls = random.Random(7), list[str](), 0
    moment, after = next_moment(chance, 0)
    async with asyncio.timeout(LONG_S), phone.live(task) as live:
        async for message in live:
            kind = message.get("event", {}).get("kind") or message["type"]
            calls += kind == "tool_call_finished"
            if is_final(message):
                break
            if kind == moment and calls > after and len(killed_at) < KILLS:
                await stack.processes.kill("runner")
                await stack.start_runner()
                killed_at.append(moment)
                moment, after = next_moment(chance, len(killed_at))
    return killed_at


def next_moment(chance: random.Random, number: int) -> tuple[str, int]:
    """Of what the next kill comes upon, and after how many calls. What is heard lags behind what is done."""
    return chance.choice(MOMENTS), number * TURNS // (KILLS + 5) + chance.randrange(3)


def turns_of(messages: list[Json]) -> list[tuple[str, str, str, str]]:
    """What was said, called and answered in each turn that was not interrupted."""
    said: dict[str, tuple[str, str, str]] = {}
    turns = []
    for message in messages:
        content = json.loads(message["content"])
        words = "".join(block["text"] for block in content if block["type"] == "text")
        for block in content:
            if block["type"] == "tool_use":
                said[block["id"]] = words, block["name"], json.dumps(block["input"])
            elif block["type"] == "tool_result":
                output = json.dumps(block["content"])
                if not (block.get("is_error") and any(each in output for each in INTERRUPTED)):
                    turns.append((*said[block["tool_use_id"]], _DURATION.sub("", output)))
    return turns


def tree_of(stack: Stack, task: Json) -> str:
    """The tree that a task's branch has at the git host."""
    bare = stack.bare()
    command = ["git", "-C", str(bare), "rev-parse", f"{task['branch']}^{{tree}}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
