"""What a runner tells of its host is read at a glance."""

import pytest

from errand.v1.runner_pb2 import HostReport, Runner
from errand_cli.hosts import clock_off, free_disk, host_fields
from errand_common.wire import duration


@pytest.mark.parametrize(
    ("ahead_s", "words"),
    [
        (0.4, "as the scheduler's"),
        (90.0, "90 s ahead of the scheduler's; set it"),
        (-7.2, "7 s behind the scheduler's; set it"),
    ],
)
def test_a_clock_that_is_off_says_so(ahead_s: float, words: str) -> None:
    runner = Runner(host=HostReport(image="sandbox:1"), clock_offset=duration(ahead_s))
    assert dict(host_fields(runner))["clock"] == words


def test_what_is_not_known_is_left_out() -> None:
    assert host_fields(Runner()) == ()
    assert free_disk(Runner(host=HostReport())) == ""
    assert free_disk(Runner(host=HostReport(free_disk_bytes=3 << 30))) == "3.0 GiB"


def test_only_a_clock_that_is_off_by_much_is_for_a_person() -> None:
    assert clock_off(Runner()) == clock_off(Runner(clock_offset=duration(59.0))) == ""
    assert clock_off(Runner(clock_offset=duration(-90.0))) == "90 s behind the scheduler's; set it"
