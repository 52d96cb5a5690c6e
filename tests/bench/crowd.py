"""Many sandboxes at work at once on one host: do all come to their end, how long does it take, what does each hold?"""

import asyncio
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import docker

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.sandbox.docker import Engine, SandboxSpec
from errand_runner.sandbox.limits import Limits
from tests.bench.held import held_bytes
from tests.bench.rows import Table

SIZES = (50, 100)
LIMITS = Limits(memory_bytes=512 << 20, cpus=1.0, pids=128)
WORK = """
set -e
git init --quiet repo && cd repo
python3 -c "
import pathlib
for number in range(200):
    pathlib.Path(f'file{number}.py').write_text(f'value = {number}\\n' * 20)
"
git add --all
git -c user.name=b -c user.email=b@localhost commit --quiet --message work
grep --recursive --count 'value = 7' . > counts
python3 -c "assert sum(n * n for n in range(300_000)) > 0"
git status --porcelain
"""
"""What each does: a repository of 200 files, a commit, a search, a second of Python."""

_TIME_LIMIT_S = 300.0


async def measure_crowd(table: Table, state_dir: Path, image: str) -> None:
    """One sample of each size: open all, then all work at the same time, then look at what each holds."""
    for size in SIZES:
        async with Engine.connect(state_dir=state_dir) as engine:
            await _Crowd(table, engine, state_dir, image, size).measure()


class _Crowd:
    def __init__(self, table: Table, engine: Engine, state_dir: Path, image: str, size: int) -> None:
        self.table, self.engine, self.size = table, engine, size
        self.state_dir, self.image = state_dir, image
        self.ids = Ids(Clock())
        self.runner_id = self.ids.new("rnr")
        self.barrier = asyncio.Barrier(size + 1)

    async def measure(self) -> None:
        before_bytes, started_s = held_bytes(), time.perf_counter()
        try:
            async with asyncio.timeout(2 * _TIME_LIMIT_S), asyncio.TaskGroup() as group:
                for _ in range(self.size):
                    group.create_task(self._one())
                await self.barrier.wait()
                self._add("opened, each", 1000 * (time.perf_counter() - started_s) / self.size, unit="ms")
                started_s = time.perf_counter()
                await self.barrier.wait()
                self._add("all done", time.perf_counter() - started_s, unit="s")
                inside_bytes = await asyncio.to_thread(_held_bytes, self.runner_id)
                assert len(inside_bytes) == self.size, f"{len(inside_bytes)} of {self.size} containers are there"
                self._add("memory each, in the container", max(inside_bytes) / 2**20, unit="MiB")
                self._add("memory each, in the runner", (held_bytes() - before_bytes) / self.size / 2**20, unit="MiB")
                await self.barrier.wait()
        finally:
            await self.engine.remove_everything(self.runner_id)

    async def _one(self) -> None:
        async with self.engine.open(self._spec()) as sandbox:
            await self.barrier.wait()
            done = await sandbox.supervisor.capture(["bash", "-c", WORK], cwd="/workspace", timeout_s=_TIME_LIMIT_S)
            said = (done.stdout + done.stderr).decode(errors="replace")
            assert done.exit.code == 0, f"the work in {sandbox.sandbox_id} ended with {done.exit}: {said}"
            await self.barrier.wait()
            await self.barrier.wait()

    def _spec(self) -> SandboxSpec:
        sandbox_id = self.ids.new("sbx")
        socket_dir = self.state_dir / sandbox_id
        socket_dir.mkdir(parents=True)
        return SandboxSpec(
            sandbox_id=sandbox_id,
            workspace_id=self.ids.new("wsp"),
            task_id=self.ids.new("tsk"),
            runner_id=self.runner_id,
            image=self.image,
            socket_dir=socket_dir,
            limits=LIMITS,
        )

    def _add(self, what: str, sample: float, *, unit: str) -> None:
        self.table.add(f"{self.size} sandboxes at work at once: {what}", sample, unit=unit)


def _held_bytes(runner_id: str) -> list[int]:
    """What the processes of each of a runner's containers hold now; files that the kernel keeps at hand not counted."""
    with closing(docker.from_env()) as client:
        found = client.containers.list(ignore_removed=True, filters={"label": f"errand.runner={runner_id}"})
        names = [str(container.id) for container in found]
        return [_anonymous(client.api.stats(name, stream=False, one_shot=True)) for name in names]


def _anonymous(stats: dict[str, Any]) -> int:
    held = stats["memory_stats"]["stats"]
    # cgroup v1 and v2 have names of their own for it.
    return int(held["total_rss"] if "total_rss" in held else held["anon"])
