"""A runner for measurements: everything but the attempts is the real one."""

import asyncio
import os
import random
from functools import partial
from pathlib import Path

from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand_common import garbage, log, rpc
from errand_common.clock import Clock
from errand_runner.deltas import Deltas
from errand_runner.dispatch import Dispatch
from errand_runner.heartbeat import ThreadHeart
from errand_runner.lease import Leases
from errand_runner.outbox import Outbox
from errand_runner.presence import presence_file
from errand_runner.session import Sessions
from errand_runner.worker import RunAttempt, Worker


def serve(run_attempt: RunAttempt) -> None:
    """Works until it is killed. Its settings are a runner's."""
    log.configure(service="runner", level="warning")
    asyncio.run(_serve(run_attempt))


async def _serve(run_attempt: RunAttempt) -> None:
    data, scheduler = Path(os.environ["ERRAND_DATA"]), os.environ["ERRAND_SCHEDULER"]
    ca = Path(os.environ["ERRAND_CA_FILE"]).read_bytes()
    token = Path(os.environ["ERRAND_TOKEN_FILE"]).read_text().strip()
    clock, outbox, chance = Clock(), Outbox(data / "outbox"), random.Random()  # jitter
    leases = Leases(clock)
    with rpc.sync_channel(scheduler, ca=ca) as heart_channel:
        async with rpc.channel(scheduler, ca=ca) as channel:
            worker = Worker(
                dispatch=Dispatch(DispatchServiceStub(channel), token, chance),
                outbox=outbox,
                deltas=Deltas(outbox.changed),
                leases=leases,
                clock=clock,
                begin=_begin,
                run_attempt=run_attempt,
            )
            sessions = Sessions(
                worker,
                new_heart=partial(ThreadHeart, DispatchServiceStub(heart_channel), token),
                chance=chance,
                slots=int(os.environ["ERRAND_SLOTS"]),
                labels={"model-key": "yes"},
                nonce=os.urandom(8).hex(),
                leases=leases,
                clock=clock,
                presence=presence_file(data),
                scheduler=scheduler,
            )
            garbage.look_rarely()
            await worker.run(sessions.run())


async def _begin(runner_id: str) -> None:
    """Nothing of an earlier process is to be cleared."""
