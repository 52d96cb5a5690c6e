"""A worker at work on attempts that do what a test wants."""

import asyncio
import random
from contextlib import asynccontextmanager

from errand.v1 import runner_pb2 as pb
from errand.v1 import task_pb2
from errand_common.clock import Clock
from errand_common.values import AttemptPhase
from errand_runner.deltas import Deltas
from errand_runner.dispatch import Dispatch
from errand_runner.lease import Leases
from errand_runner.outcome import Outcome
from errand_runner.worker import Worker
from tests.unit.runner.scheduler_double import serving

ATTEMPT = "att_" + "0" * 26
NEXT = "att_" + "1" * 26
DONE = Outcome(AttemptPhase.SUCCEEDED)


def assigned(
    phase=task_pb2.ATTEMPT_PHASE_OFFERED,
    desired_state=pb.DESIRED_STATE_RUN,
    fence=1,
    inputs=(),
    attempt_id=ATTEMPT,
):
    assignment = pb.Assignment(
        attempt=pb.AttemptRef(attempt_id=attempt_id, fence=fence),
        desired_state=desired_state,
        phase=phase,
        inputs=[task_pb2.Input(input_id=input_id) for input_id in inputs],
    )
    return {attempt_id: assignment}


class Work:
    """An attempt's work as a test wants it: it ends when told to, and knows how it was ended."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()
        self.cancelled = False
        self.runs = 0

    async def __call__(self, assignment, inbox, log, runner_id):
        self.runs += 1
        self.inbox = inbox
        self.started.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return DONE


async def nothing_left(runner_id):
    pass


@asynccontextmanager
async def working(double, box, work, *, stop_s=3.0, clear=nothing_left):
    async with serving(double) as stub, asyncio.TaskGroup() as group:
        dispatch = Dispatch(stub, "token", random.Random(0))
        dispatch.enter("ses_1")
        clock = Clock()
        stop = asyncio.Event()

        worker = Worker(
            dispatch=dispatch,
            outbox=box,
            deltas=Deltas(box.changed),
            leases=Leases(clock),
            clock=clock,
            begin=clear,
            run_attempt=work,
            stop_s=stop_s,
        )
        running = group.create_task(worker.run(stop.wait()))
        await asyncio.sleep(0)
        yield worker
        stop.set()
        await running


async def started(work):
    async with asyncio.timeout(10):
        await work.started.wait()


async def gone(worker):
    async with asyncio.timeout(10):
        while worker.attempts or worker.outbox.logs:
            await asyncio.sleep(0.01)
