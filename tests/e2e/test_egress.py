"""A host that a project does not allow: told to Claude and the phone, and allowed under the running task."""

import pytest

from tests.demo.phone import is_final
from tests.e2e.watching import no_container, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "run-command"

HOST = "blocked.example"
# curl says what the door answered: 403 while the host is blocked, 502 once it is let through and nobody has that name.
ASK = f"until curl -s -o /dev/null -w '%{{http_connect}}' https://{HOST}/ | grep 502; do sleep 0.2; done"


def is_blocked(message):
    uses = message["event"]["detail"]["uses"] if message.get("event", {}).get("kind") == "egress_used" else []
    return any(use["outcome"] == "blocked" for use in uses)


async def test_a_blocked_host_is_listed_and_let_through_by_one_call(phone, project):
    assert (project["egress"]["mode"], project["egress"]["presets"]) == ("allow_list", ["packages"])
    task = await phone.create_task(project, f"Run: {ASK}")
    await until(phone, task, is_blocked)
    assert (await phone.task(task))["blocked_hosts"] == [HOST]

    await phone.post(f"/v1/projects/{project['project_id']}/hosts", {"host": HOST})
    await until(phone, task, is_final)
    assert (await phone.task(task))["status"] == "completed"
    (call,) = await phone.tool_calls(task)
    assert f"[{HOST} is not among the hosts that this project allows" in call["output"]
    outcomes = {
        (use["host"], use["outcome"])
        for event in await phone.events(task)
        if event["kind"] == "egress_used"
        for use in event["detail"]["uses"]
    }
    assert outcomes == {(HOST, "blocked"), (HOST, "unreachable")}
    await no_container(task)
