"""How fast much output travels: 200 MB through the supervisor, beside a bare `docker exec`."""

import subprocess
import time
from contextlib import aclosing

from errand_runner.sandbox.docker import Sandbox
from errand_runner.sandbox.supervisor import Chunk
from tests.bench.rows import Table

SIZE_BYTES = 200_000_000
EXEC = "200 MB of output, docker exec"
COMMAND = ["head", "-c", str(SIZE_BYTES), "/dev/zero"]
_TIME_LIMIT_S = 120.0


async def measure_stream(table: Table, sandbox: Sandbox) -> None:
    """One sample of each, one after the other."""
    started_s = time.perf_counter()
    command = ["docker", "exec", sandbox.container_id, *COMMAND]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    table.add(EXEC, SIZE_BYTES / 1e6 / (time.perf_counter() - started_s), unit="MB/s")

    started_s, taken = time.perf_counter(), 0
    async with aclosing(sandbox.supervisor.run(COMMAND, cwd="/", timeout_s=_TIME_LIMIT_S)) as items:
        async for item in items:
            taken += len(item.data) if isinstance(item, Chunk) else 0
    assert taken == SIZE_BYTES, f"{taken} of {SIZE_BYTES} bytes came"
    rate = SIZE_BYTES / 1e6 / (time.perf_counter() - started_s)
    table.add("200 MB of output, every byte to the runner", rate, unit="MB/s", peer=EXEC)
