"""Celery on Redis: a no-op task, results kept, one worker process for each core. Argument: the port of Redis."""

import os
import subprocess
import sys
import time
from pathlib import Path

from celery import Celery, group
from commands import serve

PORT = os.environ.get("PEER_REDIS_PORT") or sys.argv[1]
URL = f"redis://127.0.0.1:{PORT}/0"

app = Celery("celery_peer", broker=URL, backend=URL)
app.conf.task_acks_late = True
app.conf.worker_prefetch_multiplier = 4
app.conf.broker_connection_retry_on_startup = True


@app.task
def noop() -> float:
    """Nothing; answers when it began, on the clock that all processes of a host share."""
    return time.monotonic()


def throughput(count: int) -> float:
    started_s = time.monotonic()
    group(noop.s() for _ in range(count)).apply_async().join_native(timeout=300, interval=0.005)
    return count / (time.monotonic() - started_s)


def latency(count: int) -> list[float]:
    return [_one_ms() for _ in range(count)]


def _one_ms() -> float:
    submitted_s = time.monotonic()
    began_s: float = noop.delay().get(timeout=60, interval=0.002)
    time.sleep(0.02)
    return 1000 * (began_s - submitted_s)


def main() -> None:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "celery",
        "-A",
        "celery_peer",
        "worker",
        "--concurrency",
        str(os.cpu_count()),
    ]
    command += ["--loglevel", "ERROR", "--without-gossip", "--without-mingle", "--pool", "prefork"]
    here = Path(__file__).parent
    worker = subprocess.Popen(command, cwd=here, env={**os.environ, "PEER_REDIS_PORT": PORT}, stdout=subprocess.DEVNULL)
    try:
        noop.delay().get(timeout=60)
        serve(throughput, latency)
    finally:
        worker.terminate()
        worker.wait(30)


if __name__ == "__main__":
    main()
