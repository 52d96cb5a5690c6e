"""Writing: every change of what the scheduler knows goes through here."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from errand_scheduler.store.transaction import Tx

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Write(Generic[T]):
    """One operation of several that are asked for together; `size_bytes` as in `Writer.write`."""

    fn: Callable[[Tx], T]
    size_bytes: int = 0


class Writer(ABC):
    """Commits operations, one after the other or in groups."""

    @abstractmethod
    async def write(self, fn: Callable[[Tx], T], *, size_bytes: int = 0, urgent: bool = False) -> T:
        """Commit one operation and return its result; what it raises changes nothing and is raised here.

        A caller that is cancelled does not take its operation back. `size_bytes` is the content that it carries; an
        `urgent` one (a stop, an end, what a lease hangs on) goes ahead of what waits, also where the queue is full.
        Raises Exhausted when too much waits, Unavailable when the disk refuses.
        """

    @abstractmethod
    async def write_each(self, writes: Sequence[Write[T]], *, urgent: bool = False) -> list[T | Exception]:
        """Commit operations that do not depend on one another; returns what became of each: its result, or what
        `write` would have raised. The caller is woken once, however many there are."""

    @property
    @abstractmethod
    def degraded(self) -> bool:
        """Whether the disk is full: reads and what is urgent go on, and nothing is to be declared late."""

    @property
    @abstractmethod
    def load(self) -> float:
        """How full the queue of what waits to be written is: 0.0 to 1.0."""
