"""What people let a task spend."""

from google.protobuf.duration_pb2 import Duration

from errand.v1 import task_pb2
from errand_common.errors import Invalid
from errand_scheduler.lifecycle.allowances import MOST
from errand_scheduler.store.allowance import Allowance


def allowance_of(sent: task_pb2.Allowance) -> Allowance:
    """What is asked for. Raises Invalid."""
    return Allowance(
        cost_nanodollars=_checked(sent.cost_nanodollars, MOST.cost_nanodollars, "cost_nanodollars"),
        tokens=_checked(sent.tokens, MOST.tokens, "tokens"),
        requests=_checked(sent.requests, MOST.requests, "requests"),
        work_us=_checked(_microseconds(sent.work_duration), MOST.work_us, "work_duration in microseconds"),
    )


def _checked(limit: int, most: int, field: str) -> int:
    if not 0 <= limit <= most:
        raise Invalid(f"{field} is {limit}; it must be 0 to {most}")
    return limit


def _microseconds(sent: Duration) -> int:
    return sent.seconds * 1_000_000 + sent.nanos // 1000
