"""Claude asks, and the task waits: a moment in its slot, then without one, until the person answers."""

import asyncio

import pytest

from tests.demo.phone import is_final
from tests.e2e.watching import attempts, event, no_container, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "asking"
BEAT_S = 0.25
"""An answer is waited for in the slot for 24 beats: 6 s."""

PROMPT = "Ask: Tabs or spaces?"


async def asked(phone, project):
    """A task that waits for an answer."""
    task = await phone.create_task(project, PROMPT)
    await until(phone, task, event("wait_started"))
    return await phone.task(task)


async def said(phone, task):
    await until(phone, task, is_final)
    assert (await phone.task(task))["status"] == "completed"
    return (await phone.messages(task))[-1]["content"]


async def test_an_answer_at_once_goes_on_in_the_same_attempt(phone, project):
    task = await asked(phone, project)

    assert (task["status"], task["wait_reason"]) == ("waiting", "question")
    assert task["status_reason"] == "Tabs or spaces?"
    await phone.answer(task, "tabs")
    assert "You want tabs." in await said(phone, task)
    assert len(await attempts(phone, task)) == 1


async def test_a_late_answer_goes_on_in_a_new_attempt_that_has_all_of_it(phone, project):
    task = await asked(phone, project)
    await until(phone, task, event("attempt_phase_changed", phase="parked"))
    await no_container(task)

    assert (await phone.task(task))["status"] == "waiting"
    await phone.answer(task, "spaces")
    assert "You want spaces." in await said(phone, task)
    assert len(await attempts(phone, task)) == 2


async def test_a_parked_task_is_stopped_at_once(phone, project):
    task = await asked(phone, project)
    await until(phone, task, event("attempt_phase_changed", phase="parked"))

    async with asyncio.timeout(20):
        stopped = await phone.stop(task)

    assert stopped["status"] == "cancelled"
