"""No-op tasks through the whole life: how many a second, and how soon one is taken up, beside Celery and arq."""

from contextlib import AsyncExitStack
from statistics import median

from tests.bench.dispatch.errand_queue import ErrandQueue, open_queue
from tests.bench.dispatch.peers import ALWAYS, DEFAULT, Peer, open_peer
from tests.bench.person import open_bare_stack
from tests.bench.rows import Table

TASKS = 2000
"""Tasks per sample of throughput: so many that the steps of 0.1 s in which a watcher is told do not show."""
IDLE = 20
"""Tasks per sample of latency; their median counts."""
DURABLE = "Celery, Redis with appendfsync always"
QUICK = "Celery, Redis as it comes"
ARQ = "arq, Redis as it comes"
_WHOLE, _SOON = "no-op tasks, whole life:", "submit -> taken up, idle, p50:"


async def measure_dispatch(table: Table, rounds: int) -> None:
    """Each round: one sample of each queue, one after the other."""
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(open_bare_stack())
        errand = await stack.enter_async_context(open_queue(place))
        peers = [
            await stack.enter_async_context(open_peer(DURABLE, "celery", place.folder / "always", redis=ALWAYS)),
            await stack.enter_async_context(open_peer(QUICK, "celery", place.folder / "default", redis=DEFAULT)),
            await stack.enter_async_context(open_peer(ARQ, "arq", place.folder / "arq", redis=DEFAULT)),
        ]
        for _ in range(rounds):
            for peer in peers:
                await _sample(table, peer.name, peer)
            await _sample(table, "Errand", errand)


async def _sample(table: Table, name: str, queue: Peer | ErrandQueue) -> None:
    ours = name == "Errand"
    table.add(
        f"{_WHOLE} {name}",
        await queue.throughput(TASKS),
        unit="tasks/s",
        peer=f"{_WHOLE} {DURABLE}" if ours else "",
        goal="more than 1 times" if ours else "",
    )
    table.add(
        f"{_SOON} {name}",
        median(await queue.latency(IDLE)),
        unit="ms",
        peer=f"{_SOON} {DURABLE}" if ours else "",
        goal="25 ms or less" if ours else "",
    )
