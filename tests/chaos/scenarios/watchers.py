"""Those who watch are slow, many, or away; and what they watch is a flood."""

import asyncio
import json
import socket
import statistics
from contextlib import suppress
from urllib.parse import urlsplit

import grpc
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from errand.v1 import task_service_pb2
from errand.v1.task_service_pb2_grpc import TaskServiceStub
from errand_common import rpc
from tests.chaos.fault import fault
from tests.chaos.home import Home
from tests.chaos.memory import resident_mib
from tests.chaos.observer import check
from tests.chaos.prompts import final, kind, ran, steps
from tests.chaos.trial import Trial
from tests.demo.phone import Json

SOCKETS = 15
"""One person may have 20."""
STREAMS = 200
FLOODS = 60
"""One after the other: of each command a quarter of its 1 MB is live, and no more."""
A_SECOND = 1000.0
"""Bytes."""
LATE_S = 1.0
"""How late an event may be seen on two busy cores; a slow one that hurt others would make it ten."""


@fault("T27", "215 watchers that read 1 KB/s, of commands that print 5 MB/s")
async def slow_watchers(trial: Trial) -> None:
    home = await trial.home()
    flood = "for i in $(seq 10)\ndo head -c 75000 /dev/urandom | base64 -w 120\nsleep 0.02\ndone"
    ca = (home.stack.folder / "scheduler" / "tls" / "ca.pem").read_bytes()
    # As the gateway has them: elsewhere gRPC itself takes megabytes for who does not read.
    narrow = rpc.channel(home.stack.scheduler_address, ca=ca, small_windows=True)
    async with home.watch("Steps: " + "; ".join([flood] * FLOODS)) as loud, narrow as channel:
        await loud.until(kind("tool_call_started"))
        before = {name: resident_mib(home.stack, name) for name in ("gateway", "scheduler")}
        crowd = [asyncio.ensure_future(_slow_socket(home, loud.task)) for _ in trial.rounds(SOCKETS)]
        crowd += [asyncio.ensure_future(_slow_stream(home, channel, loud.task)) for _ in trial.rounds(STREAMS)]
        trial.injected(len(crowd))
        most, others = dict(before), list[float]()
        try:
            for _ in range(3):
                async with home.watch(steps(0.1, 5)) as other:
                    await check(other)
                    others += other.late_s
                for name in most:
                    most[name] = max(most[name], resident_mib(home.stack, name))
            await check(loud)
        finally:
            for each in crowd:
                each.cancel()
            await asyncio.gather(*crowd, return_exceptions=True)
    seen_ms = statistics.median(others) * 1000
    assert seen_ms < LATE_S * 1000, f"others see events {seen_ms:.0f} ms late"
    for name, mib in most.items():
        assert mib - before[name] < 128, f"I9: the {name} grew by {mib - before[name]:.0f} MiB"
    trial.checked("I9: less than 128 MiB more", f"others see events within {seen_ms:.0f} ms", "I8")


@fault("T28", "a phone's watch breaks off at any moment, and goes on from its cursor")
async def watch_breaks_off(trial: Trial) -> None:
    home = await trial.home()
    async with home.watch(steps(0.2, 12)) as observer:
        seen: list[Json] = []
        while not (seen and final(seen[-1])):
            cursor = seen[-1]["cursor"] if seen else ""
            left = trial.chance.randrange(1, 6)
            trial.injected()
            with trial.recovery(limit_s=10.0):
                async with asyncio.timeout(30), home.phone.live(observer.task, cursor=cursor) as live:
                    async for message in live:
                        if message["type"] == "event":
                            seen.append(message["event"])
                            left -= 1
                        if not left or (seen and final(seen[-1])):
                            break
            await asyncio.sleep(trial.chance.uniform(0, 0.3))
        await check(observer)
        assert seen == observer.events[: len(seen)], "a gap, or twice the same"
    trial.checked("no gap, nothing twice, nothing sent again", "I8")


@fault("T36", "a command prints 1 GB at once, a line of 10 MB, no UTF-8, and NUL")
async def event_bomb(trial: Trial) -> None:
    home = await trial.home()
    bombs = (
        "yes 'a line of a log that nobody reads to its end' | head -c 1000000000",
        "head -c 10000000 /dev/zero | tr '\\0' x",
        "head -c 300000 /dev/urandom",
        "head -c 100000 /dev/zero",
    )
    async with home.watch(f"Steps: {'; '.join(bombs)}; echo 9 >> trace") as observer:
        await observer.until(ran("yes"))
        trial.injected(len(bombs))
        async with home.watch(steps(0.1, 5)) as other:
            await check(other)
            late_s = statistics.median(other.late_s)
        assert late_s < LATE_S, f"others see events {late_s:.2f} s late"
        await check(observer, within_s=120)
        for call in await home.phone.tool_calls(observer.task):
            assert len(json.dumps(call)) < 200_000, "more than a result may have"
        assert observer.shown < 2_000_000, f"{observer.shown} characters were shown live"
    assert observer.trace() == ["9"]
    trial.checked("results are capped, and what is live", f"others see events within {late_s * 1000:.0f} ms", "I8")


async def _slow_socket(home: Home, task: Json) -> None:
    """Somebody on a bad line, who reads a little each second and comes back when they are cut off."""
    url = urlsplit(home.stack.gateway_url)
    headers = {"Authorization": f"Bearer {home.phone.access_token}"}
    while True:
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, (url.hostname, url.port))
        with suppress(OSError, ConnectionClosed, TimeoutError):
            async with connect(
                f"ws://{url.netloc}/v1/live", sock=line, additional_headers=headers, max_queue=1, compression=None
            ) as live:
                await live.send(json.dumps({"type": "subscribe", "task_id": task["task_id"], "cursor": ""}))
                while True:
                    await asyncio.sleep(len(await live.recv()) / A_SECOND)
        await asyncio.sleep(1.0)


async def _slow_stream(home: Home, channel: grpc.aio.Channel, task: Json) -> None:
    """A program that reads as slowly, at the scheduler itself."""
    request = task_service_pb2.WatchEventsRequest(task_id=task["task_id"])
    while True:
        call = TaskServiceStub(channel).WatchEvents(request, metadata=rpc.bearer(home.phone.access_token))
        with suppress(grpc.aio.AioRpcError):
            while (answer := await call.read()) is not grpc.aio.EOF:
                assert isinstance(answer, task_service_pb2.WatchEventsResponse)
                await asyncio.sleep(answer.ByteSize() / A_SECOND)
        await asyncio.sleep(1.0)
