"""Following a task as a phone does, until something happens."""

import asyncio
import subprocess
from collections.abc import Callable

import httpx2

from tests.demo.phone import Json, Phone, is_final
from tests.demo.stack import Stack
from tests.patience import ANSWER_S

TASK_S = 60.0
HELD = "until test -e /tmp/go\ndo sleep 0.1\ndone"
"""A command that lasts until `let_go`."""


async def until(phone: Phone, task: Json, seen: Callable[[Json], bool], *, cursor: str = "") -> list[Json]:
    """All messages of the live socket up to the first for which `seen` holds."""
    messages: list[Json] = []
    async with asyncio.timeout(TASK_S), phone.live(task, cursor=cursor) as live:
        async for message in live:
            messages.append(message)
            if seen(message):
                return messages
    raise AssertionError(f"the live socket ended early, after {messages[-3:]}")


def event(kind: str, **detail: object) -> Callable[[Json], bool]:
    """A message that carries an event of this kind with these details."""

    def seen(message: Json) -> bool:
        found = message.get("event", {})
        return found.get("kind") == kind and all(found["detail"][key] == value for key, value in detail.items())

    return seen


def printed(words: str) -> Callable[[Json], bool]:
    """A message that carries output of a command with these words in it."""

    def seen(message: Json) -> bool:
        delta = message.get("delta", {})
        return delta.get("kind") == "output" and words in delta["text"]

    return seen


async def run(phone: Phone, project: Json, prompt: str) -> Json:
    """Post a task and wait until it is final."""
    task = await phone.create_task(project, prompt)
    await until(phone, task, is_final)
    return await phone.task(task)


async def send_on(phone: Phone, task: Json, text: str) -> Json:
    """Post a follow-up and wait until the task is final again."""
    cursor = (await phone.events(task))[-1]["cursor"]
    await phone.add_input(task, text)
    await until(phone, task, is_final, cursor=cursor)
    return await phone.task(task)


async def history(phone: Phone, task: Json) -> Json:
    """All that is kept of a task."""
    return {
        "task": await phone.task(task),
        "events": await phone.events(task),
        "messages": await phone.messages(task),
        "tool_calls": await phone.tool_calls(task),
    }


async def attempts(phone: Phone, task: Json) -> set[str]:
    """The attempts that its events tell of."""
    return {each["attempt_id"] for each in await phone.events(task)} - {""}


def containers(task: Json) -> list[str]:
    """The containers of a task, stopped ones too."""
    command = ["docker", "ps", "--all", "--quiet", "--filter", f"label=errand.task={task['task_id']}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


async def started(phone: Phone, project: Json, command: str) -> Json:
    """A task whose command runs, as it has said itself: that it was called is known before."""
    task = await phone.create_task(project, f"Run: echo it runs; {command}")
    await until(phone, task, printed("it runs"))
    return task


def let_go(task: Json) -> None:
    """What is HELD goes on."""
    (container,) = containers(task)
    subprocess.run(["docker", "exec", container, "touch", "/tmp/go"], check=True, capture_output=True)


async def no_container(task: Json) -> None:
    """Wait until a task has none."""
    async with asyncio.timeout(60):
        while containers(task):
            await asyncio.sleep(0.1)


async def ready(stack: Stack) -> None:
    """Wait until the gateway has its scheduler."""
    async with asyncio.timeout(30), httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S) as client:
        while (await client.get(f"{stack.gateway_url}/readyz")).status_code != 200:
            await asyncio.sleep(0.1)
