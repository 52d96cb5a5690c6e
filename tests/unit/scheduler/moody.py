"""A writer that refuses when told to."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from errand_common.errors import Unavailable
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Write, Writer

T = TypeVar("T")


class Moody(Writer):
    """Refuses as often as `refusals` says."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.refusals = 0

    async def write(self, fn: Callable[[Tx], T], *, size_bytes: int = 0, urgent: bool = False) -> T:
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("the disk refuses")
        return await self._writer.write(fn, size_bytes=size_bytes, urgent=urgent)

    async def write_each(self, writes: Sequence[Write[T]], *, urgent: bool = False) -> list[T | Exception]:
        refused, self.refusals = writes[: self.refusals], max(self.refusals - len(writes), 0)
        made = await self._writer.write_each(writes[len(refused) :], urgent=urgent)
        return [*(Unavailable("the disk refuses") for _ in refused), *made]

    @property
    def degraded(self) -> bool:
        return self._writer.degraded

    @property
    def load(self) -> float:
        return self._writer.load
