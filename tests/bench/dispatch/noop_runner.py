"""A runner whose attempts do nothing.

Prints, for each that begins, its task and the time on the clock that all processes of a host share.
"""

import asyncio
import time

from errand.v1 import runner_pb2
from errand_common.values import AttemptPhase
from errand_runner.deltas import Deltas
from errand_runner.inputs import Inbox
from errand_runner.outbox import Log
from errand_runner.outcome import Outcome
from errand_runner.record import Recorder
from tests.bench.runner import serve


async def _run(assignment: runner_pb2.Assignment, inbox: Inbox, log: Log, runner_id: str) -> Outcome:
    print(assignment.task.task_id, time.monotonic(), flush=True)
    recorder = Recorder(log, Deltas(asyncio.Event()), task_id=assignment.task.task_id)
    await recorder.phase(AttemptPhase.STARTING)
    await recorder.phase(AttemptPhase.RUNNING)
    return Outcome(AttemptPhase.SUCCEEDED)


if __name__ == "__main__":
    serve(_run)
