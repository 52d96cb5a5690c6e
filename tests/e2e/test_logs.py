"""The logs of a whole errand: all JSON, each line about what it names, one id from the request to what it moved."""

import json

import pytest
import pytest_asyncio

from tests.demo.stack import SERVICES
from tests.e2e.watching import run, send_on

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "run-command"
EVERY_LINE = {"event", "level", "service", "timestamp"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def task(phone, project):
    """A finished errand with a follow-up that was asked for under an id of the phone's own."""
    first = await run(phone, project, "Run: echo one")
    phone.http.headers["X-Request-Id"] = "tapped-on-the-bus"
    return await send_on(phone, first, "Run: cat no-such-file")


@pytest.fixture
def lines(stack, task):
    return {
        name: [json.loads(line) for line in stack.processes.log_of(name).read_text().splitlines()] for name in SERVICES
    }


def about(lines, **fields):
    return [line for line in lines if fields.items() <= line.items()]


async def test_every_line_is_json_and_says_what_when_and_who(lines):
    for name, logged in lines.items():
        assert len(logged) >= 4, name
        for line in logged:
            assert line.keys() >= EVERY_LINE, line
            assert line["service"] == name


async def test_a_request_has_one_id_in_the_gateway_and_in_what_it_moved(lines, task):
    (answered,) = [
        line for line in about(lines["gateway"], request_id="tapped-on-the-bus") if line.get("method") == "POST"
    ]
    moved = about(lines["scheduler"], request_id="tapped-on-the-bus", event="task_moved")

    assert (answered["event"], answered["status"]) == ("request_answered", 201)
    assert [(line["task_id"], line["old"], line["new"]) for line in moved] == [
        (task["task_id"], "completed", "pending")
    ]


async def test_every_line_about_an_attempt_names_its_task(lines, task):
    attempts = [line for name in SERVICES for line in lines[name] if "attempt_id" in line]

    assert {line["service"] for line in attempts} == {"scheduler", "runner"}
    assert {line["task_id"] for line in attempts} == {task["task_id"]}


async def test_the_way_of_an_attempt_can_be_read_off_the_scheduler(lines):
    by_attempt: dict[str, list[str]] = {}
    for line in about(lines["scheduler"], event="attempt_moved"):
        by_attempt.setdefault(line["attempt_id"], []).append(line["new"])

    assert len(by_attempt) == 2
    assert all(phases == ["offered", "accepted", "starting", "running", "succeeded"] for phases in by_attempt.values())
