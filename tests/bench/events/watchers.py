"""Many watchers in one process.

Reads one line of JSON (address, CA, token, tasks, watchers of each, events of each), says "watching", and when every
watcher has seen every event prints what it measured.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence

import grpc

from errand.v1.task_service_pb2 import WatchEventsRequest
from errand.v1.task_service_pb2_grpc import TaskServiceStub
from errand_common import rpc


class Measured:
    """The delays of all events at all watchers, in seconds, and when the last was seen."""

    def __init__(self) -> None:
        self.delays_s: list[float] = []
        self.last_s = 0.0

    def see(self, told_s: float) -> None:
        now_s = time.monotonic()
        self.delays_s.append(now_s - told_s)
        self.last_s = now_s

    def as_json(self) -> str:
        self.delays_s.sort()
        at = {share: 1000 * self.delays_s[int(share * (len(self.delays_s) - 1))] for share in (0.5, 0.99)}
        seen = {"seen": len(self.delays_s), "p50_ms": at[0.5], "p99_ms": at[0.99]}
        return json.dumps(seen | {"last_s": self.last_s})


async def main() -> None:
    asked = json.loads(sys.stdin.readline())
    measured = Measured()
    async with rpc.channel(asked["address"], ca=asked["ca"].encode()) as channel, asyncio.TaskGroup() as group:
        ready = [asyncio.Event() for _ in range(len(asked["tasks"]) * asked["watchers"])]
        names = [task_id for task_id in asked["tasks"] for _ in range(asked["watchers"])]
        for task_id, caught_up in zip(names, ready, strict=True):
            group.create_task(_watch(TaskServiceStub(channel), asked, task_id, caught_up, measured))
        await _all(ready)
        print(json.dumps("watching"), flush=True)
    print(measured.as_json(), flush=True)


async def _all(ready: Sequence[asyncio.Event]) -> None:
    for each in ready:
        await each.wait()


async def _watch(  # type: ignore[no-untyped-def]  # the stub's class is known to the type checker alone
    stub, asked, task_id: str, caught_up: asyncio.Event, measured: Measured
) -> None:
    left, cursor = asked["events"], ""
    while left > 0:
        request = WatchEventsRequest(task_id=task_id, after_cursor=cursor)
        call = stub.WatchEvents(request, metadata=rpc.bearer(asked["token"]))
        try:
            async for response in call:
                for event in response.events:
                    cursor = event.cursor
                    if event.body.HasField("model_delayed"):
                        measured.see(float(event.body.model_delayed.reason.split()[0]))
                        left -= 1
                if response.HasField("caught_up"):
                    caught_up.set()
                if left <= 0:
                    call.cancel()
                    return
        except grpc.RpcError:
            # The scheduler stood still for too long: on from the cursor.
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main())
