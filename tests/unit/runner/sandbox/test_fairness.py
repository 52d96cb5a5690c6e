"""One noisy command keeps no other waiting: told by what came before what, not by the clock."""

import asyncio
from contextlib import aclosing
from pathlib import Path

from errand_runner.sandbox.line import WINDOW_BYTES
from errand_runner.sandbox.supervisor import Chunk, Supervisor


async def test_behind_a_noisy_command_that_is_read_a_small_call_waits_for_no_more_than_is_under_way(
    supervisor: Supervisor,
) -> None:
    read = 0
    waited: list[int] = []

    async def ask() -> None:
        for _ in range(20):
            before = read
            await supervisor.stat("/")
            waited.append(read - before)

    async with aclosing(supervisor.run(["yes"], cwd="/", timeout_s=60)) as items:
        asking = None
        async for item in items:
            assert isinstance(item, Chunk)
            read += len(item.data)
            # Not before it is noisy: where there are few cores it may be slow to begin.
            if asking is None and read > WINDOW_BYTES:
                asking = asyncio.ensure_future(ask())
            if asking is not None and asking.done():
                break
        assert asking is not None
        await asking
    # What the guest had sent when the question came, what it sent until it looked at it, and what was taken from the
    # queue before whoever asked had its turn: each at most a window.
    assert max(waited) <= 3 * WINDOW_BYTES


async def test_behind_noisy_commands_that_nobody_reads_calls_and_commands_go_on(supervisor: Supervisor) -> None:
    running = [supervisor.run(["yes"], cwd="/", timeout_s=60) for _ in range(5)]
    for items in running:
        await anext(items)
    done = await supervisor.capture(["echo", "quick"], cwd="/", timeout_s=20)
    assert done.stdout == b"quick\n"
    for items in running:
        await items.aclose()


async def test_beside_floods_that_stay_in_the_sandbox_calls_and_commands_go_on(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    floods = [await supervisor.background.start(["yes"], cwd="/", folder=str(tmp_path)) for _ in range(5)]
    for job in floods:
        await supervisor.background.wait(job, timeout_s=20, beyond=0)
    for _ in range(5):
        done = await supervisor.capture(["echo", "quick"], cwd="/", timeout_s=20)
        assert done.stdout == b"quick\n"
    states = await supervisor.background.jobs()
    assert [(state.job, state.running) for state in states] == [(job, True) for job in floods]
    assert min(state.output.size_bytes for state in states) > 0
