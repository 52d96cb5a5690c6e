"""Many loops in one runner process: what each holds, and how long a turn takes beside model and tools."""

import asyncio
import json
import os
import sys

from tests.bench.agent.claude_process import open_claude, times
from tests.bench.rows import Table

LOOPS = 500
TURNS = 4
MODEL_MS = 4000.0
"""How long Claude takes for each reply: few are quicker. The loops begin within that time, not all at once.

Together they ask for all that one core gives: how long a turn waits for others differs from run to run by many times,
what it computes by little.
"""
_MOST_ROUNDS = 2
_LIMIT_S = 300.0


async def measure_loops(table: Table, rounds: int) -> None:
    """Each round: one loop alone, then so many at once, each in a process of its own."""
    async with open_claude(turns=TURNS, delay_ms=MODEL_MS) as claude:
        for _ in range(min(rounds, _MOST_ROUNDS)):
            for count in (1, LOOPS):
                found = await _loops(f"{claude}/errand", count)
                gaps = sorted(gap for session in await times(claude) for gap in session)
                assert len(gaps) == count * TURNS, f"{len(gaps)} of {count * TURNS} turns"
                name = f"{count} loops at once" if count > 1 else "one loop"
                table.add(f"{name}: a turn beside model and tools, p50", gaps[len(gaps) // 2], unit="ms")
                if count > 1:
                    table.add(f"{name}: the same, p99", gaps[len(gaps) * 99 // 100], unit="ms")
                    table.add(f"{name}: CPU of a turn", 1000 * found["cpu_s"] / len(gaps), unit="ms")
                    table.add(f"{name}, 100 KB of transcript: memory each", found["grown_kib"], unit="KiB")


async def _loops(claude: str, count: int) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.agent.loops", claude, "--count", str(count), "--spread-ms", str(MODEL_MS)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH") or os.getcwd()},
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    found: dict[str, float] = json.loads(said)
    return found
