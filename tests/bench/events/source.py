"""A runner whose attempts tell so many events, so fast, as their prompts say: "COUNT PER_SECOND".

They begin when the file `go` is there; with 0 a second they are as fast as the disk. Prints "running" for each attempt
that is ready and "told" for each that has told all. An event holds when it was told, on the clock that processes share.
"""

import asyncio
import os
import time
from pathlib import Path

from errand.v1 import runner_pb2
from errand_common.values import AttemptPhase
from errand_runner.agent.facts import ModelDelayed
from errand_runner.deltas import Deltas
from errand_runner.inputs import Inbox
from errand_runner.outbox import Log
from errand_runner.outcome import Outcome
from errand_runner.record import Recorder
from tests.bench.runner import serve

EVENT_BYTES = 600
GO = Path(os.environ["ERRAND_DATA"]) / "go"


async def _run(assignment: runner_pb2.Assignment, inbox: Inbox, log: Log, runner_id: str) -> Outcome:
    count, per_second = map(float, assignment.task.prompt.split())
    recorder = Recorder(log, Deltas(asyncio.Event()), task_id=assignment.task.task_id)
    await recorder.phase(AttemptPhase.STARTING)
    await recorder.phase(AttemptPhase.RUNNING)
    await log.drained()
    print("running", flush=True)
    while not GO.exists():
        await asyncio.sleep(0.02)
    began_s = time.monotonic()
    for number in range(int(count)):
        if per_second:
            await asyncio.sleep(max(began_s + number / per_second - time.monotonic(), 0))
        await recorder.fact(ModelDelayed(f"{time.monotonic():.6f} ".ljust(EVENT_BYTES, "."), 0.0))
    print("told", flush=True)
    return Outcome(AttemptPhase.SUCCEEDED)


if __name__ == "__main__":
    serve(_run)
