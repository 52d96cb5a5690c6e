"""Following a task as a phone does, until something happens."""

import asyncio
from collections.abc import Callable

from tests.demo.phone import Json, Phone, is_final

TASK_S = 60.0


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
