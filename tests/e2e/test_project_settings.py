"""A project's own image and setup script, from a phone's settings to what Claude finds in its sandbox."""

import asyncio
import subprocess
import uuid

import pytest
import pytest_asyncio

from tests.demo.phone import is_final
from tests.demo.stack import image_tag
from tests.e2e.watching import no_container, run, send_on, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "run-command"

# What the host lacks is tried three times more, after 2, 4 and 8 beats.
BEAT_S = 0.5

DOCKERFILE = f"""
FROM {image_tag()}
RUN rm -rf /workspace && mkdir -p /opt/own/bin && printf '#!/bin/sh\\necho from the image\\n' > /opt/own/bin/own
RUN chmod +x /opt/own/bin/own
ENV PATH=/opt/own/bin:/usr/bin:/bin
USER 4711
ENTRYPOINT ["/bin/false"]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def image():
    tag = f"errand-test-{uuid.uuid4().hex}:1"
    build = ["docker", "build", "-q", "-t", tag, "-"]
    await asyncio.to_thread(subprocess.run, build, input=DOCKERFILE.encode(), check=True, capture_output=True)
    yield tag
    await asyncio.to_thread(subprocess.run, ["docker", "rmi", "-f", tag], check=True, capture_output=True)


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def as_before(phone, project):
    yield
    await phone.update_project(project, image="", setup_script="")


def steps(messages):
    """The steps that began and those that ended, in order."""
    events = [message["event"] for message in messages if message["type"] == "event"]
    return [
        (event["kind"].removeprefix("step_"), event["detail"]["step"])
        for event in events
        if event["kind"] in ("step_started", "step_finished") and event["detail"]["step_id"]
    ]


def said(messages):
    """What the steps printed."""
    deltas = [message["delta"] for message in messages if message["type"] == "delta"]
    return "".join(delta["text"] for delta in deltas if delta["kind"] == "step")


async def test_a_task_runs_in_its_projects_image_which_is_set_up_once(phone, project, image):
    script = "echo preparing in $PWD\nown > ~/made\nsleep 0.5\n"
    await phone.update_project(project, image=image, setup_script=script)
    task = await phone.create_task(project, "Run: cat ~/made; own")
    messages = await until(phone, task, is_final)

    assert (await phone.task(task))["status"] == "completed"
    assert steps(messages) == [
        (moment, step) for step in ("container", "clone", "setup") for moment in ("started", "finished")
    ]
    assert "preparing in /workspace/repo" in said(messages)
    (call,) = await phone.tool_calls(task)
    assert call["output"].count("from the image") == 2

    before = len(await phone.events(task))
    await send_on(phone, task, "Run: cat ~/made")
    again = [{"type": "event", "event": event} for event in (await phone.events(task))[before:]]
    assert ("started", "setup") not in steps(again), "the clone is set up already"
    await no_container(task)


async def test_a_setup_that_fails_says_so_and_is_mended(phone, project):
    await phone.update_project(project, setup_script="echo looking; echo no such tool >&2; exit 7\necho never")
    task = await run(phone, project, "Run: cat ~/made")

    assert (task["status"], task["failure_reason"]) == ("failed", "setup")
    assert "exit code 7" in task["status_reason"]
    assert "no such tool" in task["status_reason"]
    assert await phone.tool_calls(task) == []
    await no_container(task)

    await phone.update_project(project, setup_script="echo mended > ~/made")
    assert (await send_on(phone, task, "Run: cat ~/made"))["status"] == "completed"
    calls = await phone.tool_calls(task)
    assert "mended" in calls[0]["output"]


async def test_a_secret_that_was_replaced_stays_masked_where_its_task_has_it_in_a_file(phone, project):
    await phone.update_project(project, setup_script='echo "$TOKEN" >> ../tokens')
    await phone.set_secret(project, "TOKEN", "the-value-of-before")
    task = await run(phone, project, "Run: true")
    await phone.set_secret(project, "TOKEN", "the-value-of-now")

    await send_on(phone, task, "Run: cat ../tokens")

    (_, call) = await phone.tool_calls(task)
    assert call["output"].count("[redacted]") == 2
    assert "the-value" not in call["output"]


async def test_an_image_that_cannot_be_got_is_told_in_words(phone, project):
    await phone.update_project(project, image="127.0.0.1:9/team/ci:1")
    task = await run(phone, project, "Run: true")

    assert (task["status"], task["failure_reason"]) == ("failed", "image")
    assert "127.0.0.1:9/team/ci:1 could not be pulled" in task["status_reason"]
    events = [{"type": "event", "event": event} for event in await phone.events(task)]
    assert set(steps(events)) == {("started", "pull")}
