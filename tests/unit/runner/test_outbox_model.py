"""Whatever happens to a runner and to its disk: what an append returned for is there afterwards, in order, once."""

import random
from pathlib import Path
from typing import Any

import pytest

from tests.unit.runner.outbox_world import SteppedLoop, World


async def live(loop: SteppedLoop, folder: Path, seed: int) -> None:
    """Much happens, then all that is left is written."""
    world = World(folder, random.Random(seed), loop)
    for _ in range(150):
        await world.step()
    await world.restart()
    world.box.close()


@pytest.mark.parametrize("seeds", [range(first, first + 20) for first in range(0, 40, 20)], ids=str)
def test_what_was_written_is_there_whatever_happens(tmp_path: Path, seeds: range) -> None:
    problems: list[Any] = []
    for seed in seeds:
        loop = SteppedLoop()
        loop.set_exception_handler(lambda _, context: problems.append(context))
        try:
            (tmp_path / str(seed)).mkdir()
            loop.run_until_complete(live(loop, tmp_path / str(seed), seed))
        finally:
            loop.close()

    assert problems == []
