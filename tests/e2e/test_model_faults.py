"""Every fault of the model's service, seen from the phone: waited for and told, or ended with cause and cure."""

import re
import time

import pytest

from tests.demo.phone import Json, Phone, is_final
from tests.demo.processes import ProcessFailed
from tests.e2e.watching import event, no_container, run, send_on, until
from tests.standins.claude.scripts.faults import VOID

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "faults"
PACE_MS = 40
"""Words reach the phone before it is known that they are void."""


async def live(phone: Phone, project: Json, prompt: str) -> tuple[Json, list[Json]]:
    """A task, run to its end, and all that its watcher saw."""
    task = await phone.create_task(project, prompt)
    seen = await until(phone, task, is_final)
    return await phone.task(task), seen


def delays(seen: list[Json]) -> list[Json]:
    return [each["event"]["detail"] for each in seen if each.get("event", {}).get("kind") == "model_delayed"]


async def test_a_key_that_is_refused_under_way_fails_the_task_at_once_and_it_can_be_sent_on(phone, project):
    task = await run(phone, project, "Fault: 401 Run: echo here")

    assert (task["status"], task["failure_reason"]) == ("failed", "model_auth")
    assert "refused the runner's key (401): invalid bearer token" in task["status_reason"]
    assert "Set a valid ANTHROPIC_API_KEY, restart the runner and send the task on" in task["status_reason"]
    task = await send_on(phone, task, "Run: echo again")
    assert task["status"] == "completed"
    assert "again" in (await phone.messages(task))[-1]["content"]


async def test_what_was_done_before_the_model_failed_is_at_the_git_host(phone, project):
    task = await run(phone, project, "Then fault: 401 Run: echo mine > left")

    assert (task["status"], task["failure_reason"]) == ("failed", "model_auth")
    kinds = [each["kind"] for each in await phone.events(task)]
    assert {"checkpoint_saved", "branch_pushed", "pull_request_opened"} <= set(kinds)


async def test_a_model_that_is_gone_fails_the_task_with_the_setting_to_change(phone, project):
    task = await run(phone, project, "Fault: 404 Run: echo here")

    assert (task["status"], task["failure_reason"]) == ("failed", "model_request")
    assert "does not have claude-sonnet-5-5" in task["status_reason"]
    assert "Choose one that it has" in task["status_reason"]


async def test_a_reply_that_a_person_stops_is_paid_and_its_words_are_kept_for_people(phone, project):
    task = await phone.create_task(project, "Fault: silence Run: echo here")
    await until(phone, task, lambda seen: VOID.split()[-1] in seen.get("delta", {}).get("text", ""))

    await phone.stop(task)
    await until(phone, task, is_final)

    (dropped,) = [each["detail"] for each in await phone.events(task) if each["kind"] == "reply_dropped"]
    assert VOID.startswith(dropped["summary"])
    assert dropped["is_estimate"]
    stopped = await phone.task(task)
    assert stopped["usage"] == dropped["usage"]
    assert stopped["usage"]["cost_nanodollars"] > 0
    task = await send_on(phone, task, "Run: echo again")
    assert VOID.split()[0] not in str(await phone.messages(task))


async def test_a_rate_limit_is_waited_for_until_it_resets(phone, project):
    began_s = time.monotonic()
    task, seen = await live(phone, project, "Fault: 429 Run: echo resumed")

    assert task["status"] == "completed"
    (delay,) = delays(seen)
    assert "limits this key's rate (429" in delay["reason"]
    assert "the work goes on at" in delay["reason"]
    assert delay["delay"] >= 1
    assert time.monotonic() - began_s > delay["delay"]
    assert "resumed" in (await phone.messages(task))[-1]["content"]


async def test_a_long_wait_for_a_rate_limit_is_told_and_holds_no_slot(phone, project):
    task = await phone.create_task(project, "Fault: 429-for-an-hour Run: true")
    seen = await until(phone, task, event("attempt_phase_changed", phase="parked"))
    (wait,) = (each["event"]["detail"] for each in seen if each.get("event", {}).get("kind") == "wait_started")
    assert (wait["reason"], wait["resume_duration"] > 3600) == ("quota", True)

    waiting = await phone.task(task)
    assert (waiting["status"], waiting["wait_reason"]) == ("waiting", "quota")
    assert "limits this key's rate (429" in waiting["status_reason"]
    assert waiting["resume_time"] > waiting["created_time"]
    await no_container(task)

    await phone.retry(task)
    await until(phone, task, is_final, cursor=seen[-1]["event"]["cursor"])
    assert (await phone.task(task))["status"] == "completed"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("529", "is overloaded (529: Overloaded)"),
        ("529-in-the-stream", "is overloaded (Overloaded)"),
        ("cut", "broke (peer closed connection"),
        ("end-of-file", "the reply was cut off on the way"),
    ],
)
async def test_trouble_is_told_and_repeated_and_its_words_are_void(phone, project, fault, cause):
    task, seen = await live(phone, project, f"Fault: {fault} Run: echo fine")

    assert task["status"] == "completed"
    (delay,) = delays(seen)
    assert cause in delay["reason"]
    kept = {message["message_id"] for message in await phone.messages(task)}
    void = [each["delta"]["text"] for each in seen if is_void(each, kept)]
    assert VOID.startswith("".join(void))
    assert bool(void) is (fault != "529")
    assert VOID not in str(await phone.messages(task))


def is_void(message: Json, kept: set[str]) -> bool:
    """Whether it brings words of a message that never came to be."""
    delta = message.get("delta", {"kind": "output"})
    return delta["kind"] == "text" and delta["subject_id"] not in kept


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"ANTHROPIC_API_KEY": "sk-ant-another"}, "ANTHROPIC_API_KEY: the model's service at http://127.0.0.1:"),
        ({"ERRAND_MODEL": "claude-sonet"}, "ERRAND_MODEL=claude-sonet is not a model of the service at http"),
    ],
)
async def test_a_wrong_key_or_model_stops_the_runners_start_with_words(stack, wrong, told):
    await stack.processes.stop("runner")

    with pytest.raises(ProcessFailed, match=re.escape(told)):
        await stack.start_runner(**wrong)

    assert await stack.processes.running["runner"].wait() == 2
    await stack.processes.stop("runner")
    await stack.start_runner()
