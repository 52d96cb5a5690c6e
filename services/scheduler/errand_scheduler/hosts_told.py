"""What a runner told of its host last, kept beside its session for operators."""

from dataclasses import dataclass

from errand.v1.runner_pb2 import HostReport

_LETTERS = 255
_LAST_S = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True)
class HostTold:
    """`clock_offset_s` is how far its clock was ahead of this one; None where it told no time."""

    report: HostReport
    clock_offset_s: float | None


def host_told(report: HostReport, *, now_us: int) -> HostTold:
    """What is kept of a report that came now."""
    kept = HostReport()
    kept.CopyFrom(report)
    kept.engine_version, kept.image = report.engine_version[:_LETTERS], report.image[:_LETTERS]
    if not report.HasField("time") or not (0 <= report.time.seconds <= _LAST_S and 0 <= report.time.nanos < 10**9):
        # No calendar has it: nobody could read it.
        kept.ClearField("time")
        return HostTold(kept, None)
    return HostTold(kept, report.time.seconds + report.time.nanos / 1e9 - now_us / 1e6)
