"""Pages of a list are passed on without being checked against their models; they hold what these say all the same."""

import pytest
from pydantic import BaseModel

from errand.v1 import task_pb2 as nouns
from errand_common.wire import duration, timestamp
from errand_gateway.rest.answers import (
    ListEventsResponse,
    ListMessagesResponse,
    ListTasksResponse,
    ListToolCallsResponse,
)
from tests.unit.gateway.gateway_under_test import Running
from tests.unit.gateway.live_events import happen
from tests.unit.gateway.scheduler_double import NOON_US, SchedulerDouble, new_task

WORDS = 'mäke "it" so 🚀\u2028\x00\\'
BLOB = nouns.Blob(sha256="0123456789abcdef" * 4, size_bytes=2**40)


@pytest.fixture
def storied(scheduler: SchedulerDouble) -> SchedulerDouble:
    """A task to which much has happened."""
    task = scheduler.tasks["tsk_1"] = new_task("tsk_1", prompt=WORDS)
    task.diff_stat.CopyFrom(nouns.DiffStat(files=1, insertions=2, deletions=3))
    task.allowance.CopyFrom(nouns.Allowance(cost_nanodollars=2**40, work_duration=duration(90.5)))
    task.spent.CopyFrom(nouns.Spent(tokens=7, work_duration=duration(0.25)))
    task.model_choice.CopyFrom(nouns.ModelChoice(model="claude-x", effort=nouns.EFFORT_LOW))
    task.required_labels["region"] = "eu"
    task.blocked_hosts.append("example.org")
    happen(scheduler, 2, summary=WORDS)
    scheduler.messages = [
        nouns.Message(message_id="msg_1", content=WORDS.encode(), usage=nouns.Usage(input_tokens=3)),
        nouns.Message(message_id="msg_2", content_blob=BLOB, created_time=timestamp(NOON_US)),
    ]
    scheduler.tool_calls = [
        nouns.ToolCall(tool_call_id="toolu_1", input=b"{}", output_blob=BLOB, duration=duration(1.5)),
    ]
    return scheduler


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/tasks", ListTasksResponse),
        ("/v1/tasks/tsk_1/events", ListEventsResponse),
        ("/v1/tasks/tsk_1/messages", ListMessagesResponse),
        ("/v1/tasks/tsk_1/tool_calls", ListToolCallsResponse),
    ],
)
async def test_a_page_holds_what_its_model_says(
    gateway: Running, storied: SchedulerDouble, path: str, model: type[BaseModel]
) -> None:
    async with gateway.client(storied.new_session()) as client:
        answer = await client.get(path)

    assert answer.headers["content-type"] == "application/json"
    assert model.model_validate_json(answer.content, strict=True).model_dump(exclude_unset=True) == answer.json()
