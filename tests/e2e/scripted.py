"""A real gateway between the page and a scripted history: what is seldom, late or hostile can be made to happen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import Message
from playwright.async_api import Locator, Page, expect

from errand.v1 import event_pb2 as pb
from errand.v1 import task_pb2
from errand_common.wire import duration, timestamp
from errand_gateway.live.limits import LiveLimits
from tests.e2e.browser import PhoneBrowser
from tests.unit.gateway.gateway_under_test import Running, running, settings
from tests.unit.gateway.scheduler_double import NOON_US, SchedulerDouble, new_task

TASK = "tsk_1"
PROMPT = "Do the thing."


@dataclass(frozen=True)
class Scripted:
    """One task, whose history is the test's to write."""

    scheduler: SchedulerDouble
    gateway: Running

    def happen(self, **body: Message) -> None:
        """One event: a kind of EventBody by its name."""
        event = pb.Event(task_id=TASK, attempt_id="att_1", created_time=timestamp(NOON_US))
        for kind, fact in body.items():
            getattr(event.body, kind).CopyFrom(fact)
        self.scheduler.history.append(event)

    def murmur(self, subject_id: str, text: str, kind: "pb.DeltaKind.ValueType" = pb.DELTA_KIND_TEXT) -> None:
        """A piece on its way."""
        self.scheduler.history.show_delta(pb.Delta(task_id=TASK, subject_id=subject_id, kind=kind, text=text))

    def stand(self, status: "task_pb2.TaskStatus.ValueType") -> None:
        """The task's status moves."""
        self.happen(task_status_changed=pb.TaskStatusChanged(status=status))

    def say(self, message_id: str, summary: str, usage: task_pb2.Usage | None = None) -> None:
        """Claude said something."""
        message = pb.MessageAppended(message_id=message_id, role=task_pb2.ROLE_ASSISTANT, summary=summary, usage=usage)
        self.happen(message_appended=message)

    def begin_tool(self, call_id: str, command: str) -> None:
        """A command begins."""
        self.happen(tool_call_started=pb.ToolCallStarted(tool_call_id=call_id, tool_name="bash", summary=command))

    def end_tool(self, call_id: str, output: str) -> None:
        """It ends."""
        finished = pb.ToolCallFinished(tool_call_id=call_id, tool_name="bash", summary=output, duration=duration(0.25))
        self.happen(tool_call_finished=finished)

    async def opened(self, phone: PhoneBrowser) -> Page:
        """The task's page, with what happened so far."""
        await phone.page.evaluate("address => { location.hash = address }", f"#/tasks/{TASK}")
        await expect(phone.page.locator(".entry").first).to_be_visible()
        return phone.page


@asynccontextmanager
async def open_scripted(folder: Path) -> AsyncIterator[Scripted]:
    """Its gateway beats often, so that silence is noticed soon."""
    scheduler = SchedulerDouble()
    scheduler.tasks[TASK] = new_task(TASK, prompt=PROMPT)
    await scheduler.start()
    limits = LiveLimits(heartbeat_s=0.4)
    async with running(settings(folder, scheduler.address), limits=limits) as gateway:
        yield Scripted(scheduler, gateway)
    await scheduler.stop()


def said(page: Page) -> Locator:
    """What Claude said."""
    return page.get_by_role("article", name="Claude")


def tools(page: Page) -> Locator:
    """The commands."""
    return page.get_by_role("article", name="Tool bash")


def written(page: Page) -> Locator:
    """What the person wrote."""
    return page.get_by_role("article", name="You")


def pill(page: Page) -> Locator:
    """Where the task stands."""
    return page.locator(".bar .pill")
