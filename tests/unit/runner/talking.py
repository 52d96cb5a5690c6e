"""Conversations of attempts: what is written, what Claude answers, what is on record."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import task_pb2
from errand.v1.runner_pb2 import AttemptEvent
from errand_common import wire
from errand_common.clock import Clock
from errand_common.values import Role
from errand_runner.agent.choice import Choice
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.prompt import Particulars
from errand_runner.agent.redact import Redactor
from errand_runner.agent.transcript import Message
from errand_runner.deltas import Deltas
from errand_runner.inputs import Inbox
from errand_runner.outbox import Outbox
from errand_runner.record import Recorder
from errand_runner.talk import Hearing, talk
from tests.standins.claude import Reply, Text, ToolUse
from tests.unit.runner.agent.harness import NOON, errand
from tests.unit.runner.local_supervisor import local_supervisor

PREFIX = Prefix.freeze(model="claude-x", max_tokens=1, system="", tools=())
CHOICE = Choice("claude-x")
ATTEMPT = "att_" + "0" * 26
SECRET = "sk-ant-secret"
ABOUT = Particulars("octo/pricing", "errand/tsk_1", "trunk", "/workspace", NOON.date(), "none.", {"AGENTS.md": "Test."})
EARLIER = Message("msg_1", Role.USER, b'[{"type":"text","text":"Hello."}]')

BASH = Reply([ToolUse("bash", {"command": "true"})])
DONE = Reply([Text("Done.")])


def queue(number, text):
    return task_pb2.Input(input_id=f"inp_{number}", text=text, kind=task_pb2.INPUT_KIND_QUEUE)


def steer(number, text):
    return task_pb2.Input(input_id=f"inp_{number}", text=text, kind=task_pb2.INPUT_KIND_STEER)


def hearing(transcript, *inputs):
    return Hearing(inbox=Inbox(inputs), transcript=transcript, about=ABOUT, redactor=Redactor([SECRET]))


def texts(said):
    return [str(block["text"]) for block in said.blocks]


class Attempt:
    """A conversation of an attempt: what Claude answers, what is on record, what is written meanwhile."""

    def __init__(self, task, folder, box):
        self.task, self.box = task, box
        self.answer_s = 20.0
        self.outbox = Outbox(folder / "outbox")
        self.log = self.outbox.logs.get(ATTEMPT) or self.outbox.hold(ATTEMPT, 1)
        self.recorder = Recorder(self.log, Deltas(self.outbox.changed), task_id="tsk_1")

    async def talk(self):
        heard = Hearing(
            inbox=self.box, transcript=self.task.transcript, about=ABOUT, redactor=Redactor(), answer_s=self.answer_s
        )
        agent = replace(
            self.task.agent, steers=heard.steers, asks=heard.asks, answered=heard.answered, longest_delay_s=120
        )
        return await talk(agent, self.task.transcript, heard, recorder=self.recorder, clock=Clock())

    def events(self):
        return [AttemptEvent.FromString(record.data) for record in self.log.after(0, limit_bytes=1 << 30)]

    def stored(self, *, call_us=None):
        """The transcript as the scheduler keeps it, which stored its tool calls then."""
        found = [(event.WhichOneof("record"), event) for event in self.events()]
        kept = [dispatch.GetTranscriptResponse(**{kind: getattr(event, kind)}) for kind, event in found if kind]
        for each in kept:
            if call_us is not None and each.HasField("tool_call"):
                each.tool_call.created_time.FromMicroseconds(call_us)
        return kept

    def waits(self):
        """The waits that were told, and the inputs that ended them."""
        told = [event.body for event in self.events()]
        return [
            "began" if body.HasField("wait_started") else body.wait_ended.input_id
            for body in told
            if body.WhichOneof("kind") in ("wait_started", "wait_ended")
        ]

    @property
    def carried(self):
        """The inputs that each message carries, with its role."""
        told = [event.body.message_appended for event in self.events() if event.HasField("message")]
        return [(wire.word(task_pb2.Role, each.role), list(each.input_ids)) for each in told]


@asynccontextmanager
async def attempt(script, folder, *inputs):
    box = Inbox(inputs)
    async with (
        local_supervisor(folder) as supervisor,
        errand(lambda request: script(request, box), supervisor, folder) as task,
    ):
        yield Attempt(task, folder, box)


async def interrupted(talking, asked):
    """The process ends while Claude is asked."""
    task = asyncio.ensure_future(talking)
    async with asyncio.timeout(10):
        await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
