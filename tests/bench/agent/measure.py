"""All that is measured of the agent's loop."""

from tests.bench.agent.cache import measure_cache
from tests.bench.agent.crowd import measure_loops
from tests.bench.agent.overhead import measure_overhead
from tests.bench.rows import Table


async def measure_agent(table: Table, rounds: int) -> None:
    """A turn's cost beside mini-swe-agent's, what is read from the model's cache, and many loops in one process."""
    await measure_overhead(table, rounds)
    await measure_cache(table)
    await measure_loops(table, rounds)
