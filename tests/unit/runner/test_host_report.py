"""What operators are told of a host is seconds old, and costs a heartbeat nothing."""

import time
from pathlib import Path

from errand_common.disk import Room
from errand_runner.heartbeat import Pulse
from errand_runner.host_report import HostReports
from errand_runner.lease import Leases
from tests.unit.runner.moved_clock import MovedClock


async def test_a_beat_tells_of_the_host_as_it_was_looked_at_last() -> None:
    clock, free = MovedClock(), {Path("/"): 7, Path("/var"): 5}
    reports = HostReports(
        room=Room(tuple(free), 5, free.__getitem__),
        warm=lambda: 2,
        engine_version="27.3.1",
        image="errand-sandbox:1",
        clock=clock,
    )
    pulse = Pulse(
        session_id="ses_1",
        leases=Leases(clock),
        clock=clock,
        attempts=tuple,
        on_directives=lambda _: None,
        on_superseded=lambda: None,
        host=reports.now,
    )
    since_s = int(time.time())
    before = pulse.next().request.host
    await reports.look()
    told = pulse.next().request.host

    assert not before.HasField("free_disk_bytes"), "what nobody looked at is not told"
    assert (told.free_disk_bytes, told.warm_sandboxes) == (5, 2), "of the fullest disk"
    assert (told.engine_version, told.image) == ("27.3.1", "errand-sandbox:1")
    assert not told.lacks_room
    free[Path("/var")] = 4
    await reports.look()
    assert pulse.next().request.host.lacks_room
    assert since_s <= told.time.seconds <= time.time()
