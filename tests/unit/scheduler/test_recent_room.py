"""Many who ask for room on the disk cost one look at it in a second."""

from pathlib import Path

from errand_common.disk import Room
from errand_scheduler.watching.recent_room import RecentRoom
from tests.unit.scheduler.world import StillClock


async def test_the_disk_is_looked_at_once_in_a_second(tmp_path: Path) -> None:
    free, looks, clock = [0], [0], StillClock()

    def free_bytes(_: Path) -> int:
        looks[0] += 1
        return free[0]

    room = RecentRoom(Room((tmp_path,), 100, free_bytes), clock)
    assert "nearly full" in (await room.shortage() or "")
    free[0] = 1000
    assert await room.shortage()
    assert looks == [1]
    clock.move(1)
    assert await room.shortage() is None
    assert await room.shortage() is None
    assert looks == [2]
