"""What people let a task spend, as plain values."""

from dataclasses import dataclass

from errand.v1 import task_pb2
from errand_common.wire import duration


@dataclass(frozen=True)
class Allowance:
    """Nano-dollars, tokens, requests to the model, and seconds that attempts have the task; 0: no limit."""

    cost_nanodollars: int = 0
    tokens: int = 0
    requests: int = 0
    work_s: float = 0.0

    def to_wire(self) -> task_pb2.Allowance:
        """The scheduler judges it."""
        return task_pb2.Allowance(
            cost_nanodollars=self.cost_nanodollars,
            tokens=self.tokens,
            requests=self.requests,
            work_duration=duration(self.work_s) if self.work_s else None,
        )
