"""Long content goes with the last that refers to it, and nothing else does."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from errand_scheduler.keeping.blob_sweep import BlobSweep
from tests.unit.scheduler.kept import DAY_S, Kept, open_kept
from tests.unit.scheduler.world import World


@pytest.fixture
async def kept(world: World, tmp_path: Path) -> AsyncIterator[Kept]:
    async with open_kept(world, tmp_path) as each:
        yield each


async def test_content_goes_with_the_last_record_that_refers_to_it(kept: Kept) -> None:
    shared, own = await kept.put(b"of two tasks"), await kept.put(b"of one")
    first = await kept.ended(blob=own)
    await kept.ended(blob=shared)
    kept.world.clock.move(20 * DAY_S)
    await kept.ended(blob=shared)
    kept.world.clock.move(11 * DAY_S)
    await kept.sweep.sweep()
    assert await kept.record(first) == 0
    assert (await kept.known(own), kept.file(own).exists()) == (False, False)
    assert (await kept.known(shared), kept.file(shared).exists()) == (True, True)
    kept.world.clock.move(20 * DAY_S)
    await kept.sweep.sweep()
    assert (await kept.known(shared), kept.file(shared).exists()) == (False, False)


async def test_content_that_no_event_ever_referred_to_goes_after_a_day(kept: Kept) -> None:
    put, nameless = await kept.put(b"put"), await kept.put(b"put, and then the process died", named=False)
    await kept.sweep.sweep()
    kept.world.clock.move(DAY_S - 60)
    await kept.sweep.sweep()
    assert [await kept.known(put), kept.file(put).exists(), kept.file(nameless).exists()] == [True, True, True]
    kept.world.clock.move(120)
    await kept.sweep.sweep()
    assert [await kept.known(put), kept.file(put).exists(), kept.file(nameless).exists()] == [False, False, False]


async def test_content_that_is_put_again_stays(kept: Kept) -> None:
    blob = await kept.put(b"again", named=False)
    await kept.sweep.sweep()
    kept.world.clock.move(2 * DAY_S)
    again = kept.file(blob).with_suffix(".part")
    again.write_bytes(b"again")
    again.rename(kept.file(blob))
    await kept.sweep.sweep()
    assert kept.file(blob).exists()
    kept.world.clock.move(2 * DAY_S)
    await kept.sweep.sweep()
    assert not kept.file(blob).exists(), "its own day is over too"


def test_a_file_that_came_in_the_last_moment_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    sweep = BlobSweep(tmp_path)
    name = sha256(b"x").hexdigest()
    path = tmp_path / name[:2] / name
    path.parent.mkdir()
    path.write_bytes(b"x")
    old = sweep.inodes([name])[name]
    path.rename(tmp_path / "kept so that its inode is not used again")
    path.write_bytes(b"x")
    assert sweep.remove(name, old) is False
    assert path.read_bytes() == b"x"
    assert sweep.remove(name, sweep.found()[name]) is True
    assert list(path.parent.iterdir()) == []
    assert sweep.remove(name, old) is True


async def test_while_a_backup_is_made_no_content_goes(kept: Kept) -> None:
    blob = await kept.put(b"in the backup")
    kept.world.clock.move(2 * DAY_S)
    pieces = kept.backups.pieces()
    await anext(pieces)
    await kept.sweep.sweep()
    assert (await kept.known(blob), kept.file(blob).exists()) == (True, True)
    await pieces.aclose()
    await kept.sweep.sweep()
    assert (await kept.known(blob), kept.file(blob).exists()) == (False, False)
