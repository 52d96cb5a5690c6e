"""What a runner tells of its host, for people to read."""

from errand.v1.runner_pb2 import Runner
from errand_common.clock import OFF_S
from errand_common.disk import in_words
from errand_common.wire import seconds

_RIGHT_S = 1.0
"""Less than that is as much the report's way as the clock."""


def free_disk(runner: Runner) -> str:
    """What the fullest of its disks has free; empty where it is not known."""
    return in_words(runner.host.free_disk_bytes) if runner.host.HasField("free_disk_bytes") else ""


def host_fields(runner: Runner) -> tuple[tuple[str, str], ...]:
    """Names and values; none of a runner that told nothing."""
    if not runner.HasField("host"):
        return ()
    return (
        ("docker", runner.host.engine_version),
        ("image", runner.host.image),
        ("free disk", free_disk(runner)),
        ("made ahead", f"{runner.host.warm_sandboxes} sandboxes"),
        ("clock", _clock(runner)),
    )


def clock_off(runner: Runner) -> str:
    """What is wrong with its clock, where somebody should see to it; else empty."""
    return _clock(runner) if abs(seconds(runner.clock_offset)) > OFF_S else ""


def _clock(runner: Runner) -> str:
    if not runner.HasField("clock_offset"):
        return ""
    ahead_s = seconds(runner.clock_offset)
    if abs(ahead_s) < _RIGHT_S:
        return "as the scheduler's"
    return f"{abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} the scheduler's; set it"
