"""A process with many loops at once, as a runner has them: one model, one outbox, and 100 KB of conversation each.

The tools answer at once, since what they take is not the loop's. Prints one line of JSON: the growth of the process for
each loop, in KiB, while all are in the midst of their work (`grown_kib`), and what it computed (`cpu_s`).
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from errand.v1 import task_pb2
from errand_common import garbage, log
from errand_common.clock import Clock, to_datetime
from errand_common.ids import Ids
from errand_common.tasks import until_one_ends
from errand_common.values import Role
from errand_runner.agent.agent import Agent
from errand_runner.agent.blocks import encode
from errand_runner.agent.choice import Choice, settle_prefix
from errand_runner.agent.facts import EndReason
from errand_runner.agent.model import Model
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.prices import PriceList
from errand_runner.agent.prompt import Particulars
from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools import Outcome
from errand_runner.agent.transcript import Message, ToolCall, Transcript
from errand_runner.deltas import Deltas
from errand_runner.inputs import Inbox
from errand_runner.outbox import Log, Outbox
from errand_runner.record import Recorder
from errand_runner.talk import Hearing, talk
from tests.bench.agent.script import MODEL, blocks
from tests.bench.held import held_bytes

TRANSCRIPT_BYTES = 100_000
OUTPUT = "\n".join(str(number) for number in range(1_000_000, 1_000_128))
"""What a tool prints: 1 KiB."""
_LOOK_S = 0.25


class QuickTools:
    """Each answers at once."""

    async def run(self, call: ToolCall) -> AsyncGenerator[str | Outcome]:
        yield Outcome(OUTPUT)

    async def end_turn(self) -> None:
        """Nothing runs on."""


class Loops:
    """What all loops of the process share."""

    def __init__(self, model: Model, prefix: Prefix, folder: Path) -> None:
        self.model, self.prefix = model, prefix
        self.clock, self.prices = Clock(), PriceList.load()
        self.ids = Ids(self.clock)
        self.outbox = Outbox(folder / "outbox")
        self.deltas = Deltas(self.outbox.changed)
        self.largest_bytes = 0

    async def run(self, count: int, *, spread_s: float) -> float:
        """All of them, to their ends, begun within that time; gives the growth for each in bytes."""
        garbage.look_rarely()
        before_bytes = held_bytes()

        async def all_of_them() -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(count):
                    group.create_task(self._one(number, begins_after_s=number * spread_s / count))

        await until_one_ends(all_of_them(), self._stand_in_for_the_sender())
        return (self.largest_bytes - before_bytes) / count

    async def _one(self, number: int, *, begins_after_s: float) -> None:
        await asyncio.sleep(begins_after_s)
        transcript = long_transcript(self.prefix, f"session-{number:04}")
        words = task_pb2.Input(input_id=self.ids.new("inp"), text="Go on.", kind=task_pb2.INPUT_KIND_QUEUE)
        redactor = Redactor(["sk-ant-of-no-use"])
        about = Particulars(
            "octo/pricing", "errand/tsk", "main", "/workspace", to_datetime(self.clock.now_us()).date(), ""
        )
        hearing = Hearing(inbox=Inbox([words]), transcript=transcript, about=about, redactor=redactor)
        agent = Agent(
            model=self.model, tools=QuickTools(), prices=self.prices, new_id=self.ids.new, steers=hearing.steers
        )
        kept = self.outbox.hold(self.ids.new("att"), 1)
        recorder = Recorder(kept, self.deltas, task_id=self.ids.new("tsk"))
        ended = await talk(agent, transcript, hearing, recorder=recorder, clock=self.clock)
        assert ended.reason is EndReason.COMPLETED, ended

    async def _stand_in_for_the_sender(self) -> None:
        """Takes what the sender would take, as if the scheduler had acknowledged it; looks how large the process is."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self.deltas.take(limit_bytes=1 << 30)
            for kept in self.outbox.logs.values():
                _acknowledge(kept)
            self.largest_bytes = max(self.largest_bytes, held_bytes())


def _acknowledge(kept: Log) -> None:
    if records := kept.after(0, limit_bytes=1 << 30):
        kept.ack(records[-1].sequence)


def long_transcript(prefix: Prefix, name: str) -> Transcript:
    """A conversation of so many bytes that has come to an end; its first message holds the name."""
    messages = [Message("msg_0", Role.USER, encode([{"type": "text", "text": f"This is {name}."}]))]
    turn = 0
    while sum(len(message.content) for message in messages) < TRANSCRIPT_BYTES:
        words, call = blocks(turn, turns=turn + 1, by_command=False)
        call = {**call, "id": f"toolu_before_{turn:04}"}
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": f"{turn}\n{OUTPUT}"}
        messages.append(Message(f"msg_{turn}_a", Role.ASSISTANT, encode([words, call])))
        messages.append(Message(f"msg_{turn}_u", Role.USER, encode([result])))
        turn += 1
    messages.append(Message("msg_done", Role.ASSISTANT, encode([{"type": "text", "text": "Done."}])))
    return Transcript.restore(prefix, messages)


async def _main(address: str, count: int, spread_s: float) -> None:
    log.configure(service="runner", level="warning")
    model = Model(api_key="of-no-use", base_url=address)
    try:
        prefix = await settle_prefix(model, Choice(MODEL))
        with tempfile.TemporaryDirectory(prefix="errand-") as folder:
            loops = Loops(model, prefix, Path(folder))
            began_s = time.process_time()
            grown_bytes = await loops.run(count, spread_s=spread_s)
            print(json.dumps({"grown_kib": grown_bytes / 1024, "cpu_s": time.process_time() - began_s}), flush=True)
            loops.outbox.close()
    finally:
        await model.close()


def main() -> None:
    """Runs so many loops against the Claude of that address."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.agent.loops", description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--spread-ms", type=float, default=0.0)
    options = parser.parse_args()
    asyncio.run(_main(options.address, options.count, options.spread_ms / 1000))


if __name__ == "__main__":
    main()
