"""arq on Redis: a no-op job, results kept, one worker process. Argument: the port of Redis."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from arq import create_pool
from arq.connections import ArqRedis, RedisSettings
from arq.jobs import Job
from commands import serve

PORT = int(os.environ.get("PEER_REDIS_PORT") or sys.argv[1])
_POLL_S = 0.002


async def noop(context: dict[str, Any]) -> float:
    """Nothing; answers when it began, on the clock that all processes of a host share."""
    return time.monotonic()


class WorkerSettings:
    """What `arq` runs. Its default poll of half a second is how often it looks for jobs."""

    functions = (noop,)
    redis_settings = RedisSettings(port=PORT)
    max_jobs = 64


async def _throughput(redis: ArqRedis, count: int) -> float:
    started_s = time.monotonic()
    jobs = [await redis.enqueue_job("noop") for _ in range(count)]
    for job in jobs:
        await _result(job)
    return count / (time.monotonic() - started_s)


async def _latency(redis: ArqRedis, count: int) -> list[float]:
    found = []
    for _ in range(count):
        submitted_s = time.monotonic()
        began_s = await _result(await redis.enqueue_job("noop"))
        found.append(1000 * (began_s - submitted_s))
        await asyncio.sleep(0.02)
    return found


async def _result(job: Job | None) -> float:
    assert job is not None, "every job has an id of its own"
    began_s: float = await job.result(timeout=300, poll_delay=_POLL_S)
    return began_s


def main() -> None:
    command = [sys.executable, "-m", "arq", "arq_peer.WorkerSettings"]
    worker = subprocess.Popen(
        command,
        cwd=Path(__file__).parent,
        env={**os.environ, "PEER_REDIS_PORT": str(PORT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with asyncio.Runner() as runner:
        redis = runner.run(create_pool(RedisSettings(port=PORT)))
        try:
            runner.run(_latency(redis, 1))
            serve(lambda count: runner.run(_throughput(redis, count)), lambda count: runner.run(_latency(redis, count)))
        finally:
            worker.terminate()
            worker.wait(30)
            runner.run(redis.aclose())


if __name__ == "__main__":
    main()
