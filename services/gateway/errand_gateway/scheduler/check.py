"""A project's check, as plain values."""

from dataclasses import dataclass

from errand.v1 import task_pb2
from errand_common.errors import Invalid
from errand_common.wire import duration


@dataclass(frozen=True)
class Check:
    """A script, empty for none, and how long it may take; None as usual."""

    script: str = ""
    limit_s: float | None = None

    def to_wire(self) -> task_pb2.Check:
        """Raises Invalid for what is no duration."""
        try:
            return task_pb2.Check(script=self.script, limit_duration=duration(self.limit_s))
        except (OverflowError, ValueError) as exc:
            raise Invalid("check.limit_duration is no number of seconds; use 10 to 3600") from exc
