"""A real gateway between the page and a scripted history: what is seldom, late or hostile can be made to happen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.message import Message
from playwright.async_api import Locator, Page, expect

from errand.v1 import event_pb2 as pb
from errand.v1 import task_pb2
from errand_common.values import summarise
from errand_common.wire import duration, timestamp
from errand_gateway.live.limits import LiveLimits
from tests.e2e.browser import PhoneBrowser
from tests.unit.gateway.gateway_under_test import Running, running, settings
from tests.unit.gateway.scheduler_double import NOON_US, SchedulerDouble, new_task

TASK = "tsk_1"
PROMPT = "Do the thing."

_ASKED_S = 30.0


@dataclass(frozen=True)
class Scripted:
    """One task, whose history is the test's to write."""

    scheduler: SchedulerDouble
    gateway: Running
    told: dict[tuple[str, int], int] = field(default_factory=dict)
    """How many characters of each subject and kind were murmured."""

    def happen(self, **body: Message) -> None:
        """One event: a kind of EventBody by its name."""
        event = pb.Event(task_id=TASK, attempt_id="att_1", created_time=timestamp(NOON_US))
        for kind, fact in body.items():
            getattr(event.body, kind).CopyFrom(fact)
        self.scheduler.history.append(event)

    def murmur(
        self,
        subject_id: str,
        text: str,
        kind: "pb.DeltaKind.ValueType" = pb.DELTA_KIND_TEXT,
        *,
        offset: int | None = None,
    ) -> None:
        """A piece on its way, after what was murmured before, or where it is said to be."""
        before = self.told.get((subject_id, kind), 0) if offset is None else offset
        self.told[subject_id, kind] = before + len(text)
        delta = pb.Delta(task_id=TASK, subject_id=subject_id, kind=kind, text=text, offset=before)
        self.scheduler.history.show_delta(delta)

    def goes_on(
        self,
        subject_id: str,
        text: str,
        kind: "pb.DeltaKind.ValueType" = pb.DELTA_KIND_TEXT,
        *,
        offset: int = 0,
    ) -> None:
        """Whoever comes to watch from now on is told this of what is going on, and nothing else of it."""
        snapshots = self.scheduler.history.going_on
        others = [each for each in snapshots if (each.subject_id, each.kind) != (subject_id, kind)]
        own = pb.Delta(task_id=TASK, subject_id=subject_id, kind=kind, text=text, offset=offset)
        snapshots[:] = [*others, own]

    def wait(self, **started: object) -> None:
        """The task waits: the fields of WaitStarted."""
        waits = pb.WaitStarted(**started)  # type: ignore[arg-type]
        self.happen(wait_started=waits)
        status = pb.TaskStatusChanged(status=task_pb2.TASK_STATUS_WAITING, status_reason=waits.summary)
        self.happen(task_status_changed=status)

    def add_input(
        self, input_id: str, text: str, kind: "task_pb2.InputKind.ValueType" = task_pb2.INPUT_KIND_QUEUE
    ) -> None:
        """The person wrote something; nobody has read it."""
        added = task_pb2.Input(input_id=input_id, task_id=TASK, text=text, kind=kind)
        self.scheduler.inputs[input_id] = added
        self.happen(input_added=pb.InputAdded(input_id=input_id, summary=summarise(text), kind=kind))

    def take_inputs(self, *input_ids: str) -> None:
        """A message carries them."""
        for input_id in input_ids:
            self.scheduler.inputs[input_id].taken = True
        taken = pb.MessageAppended(message_id="msg_0", role=task_pb2.ROLE_USER, input_ids=input_ids)
        self.happen(message_appended=taken)

    def stand(self, status: "task_pb2.TaskStatus.ValueType") -> None:
        """The task's status moves."""
        self.happen(task_status_changed=pb.TaskStatusChanged(status=status))

    def say(self, message_id: str, summary: str, usage: task_pb2.Usage | None = None) -> None:
        """Claude said something."""
        message = pb.MessageAppended(message_id=message_id, role=task_pb2.ROLE_ASSISTANT, summary=summary, usage=usage)
        self.happen(message_appended=message)

    def begin_tool(self, call_id: str, command: str, tool_name: str = "bash") -> None:
        """A command begins."""
        started = pb.ToolCallStarted(tool_call_id=call_id, tool_name=tool_name, summary=command)
        self.happen(tool_call_started=started)

    def end_tool(self, call_id: str, output: str, tool_name: str = "bash") -> None:
        """It ends."""
        took = duration(0.25)
        finished = pb.ToolCallFinished(tool_call_id=call_id, tool_name=tool_name, summary=output, duration=took)
        self.happen(tool_call_finished=finished)

    async def asked(self, method: str) -> None:
        """Wait until the scheduler was asked this."""
        async with asyncio.timeout(_ASKED_S):
            while not self.scheduler.asked(method):
                await asyncio.sleep(0.02)

    async def opened(self, phone: PhoneBrowser) -> Page:
        """The task's page, with what happened so far."""
        await phone.page.evaluate("address => { location.hash = address }", f"#/tasks/{TASK}")
        await expect(phone.page.locator(".entry").first).to_be_visible()
        return phone.page


@asynccontextmanager
async def open_scripted(folder: Path) -> AsyncIterator[Scripted]:
    """Its gateway beats often, so that silence is noticed soon; and not so often that a busy machine seems silent."""
    scheduler = SchedulerDouble()
    scheduler.tasks[TASK] = new_task(TASK, prompt=PROMPT)
    await scheduler.start()
    limits = LiveLimits(heartbeat_s=1.5)
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


def queued(page: Page) -> Locator:
    """What nobody has read yet."""
    return page.get_by_role("list", name="Not read by Claude yet").get_by_role("listitem")


def foot_alert(page: Page) -> Locator:
    """What the foot of the page has to tell."""
    return page.locator(".foot").get_by_role("alert")


def pill(page: Page) -> Locator:
    """Where the task stands."""
    return page.locator(".bar .pill")
