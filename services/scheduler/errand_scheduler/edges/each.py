"""A request of many items: what each of them asks for is written, and what is wrong with one is its own."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from errand_scheduler.store.writer import Write, Writer

Item = TypeVar("Item")
T = TypeVar("T")


async def written(
    writer: Writer, items: Iterable[Item], write_of: Callable[[Item], Write[T]], *, urgent: bool = False
) -> list[T | Exception]:
    """What became of each item, in order: the result of what it asks for, or what that raised, or reading it."""
    asked = [_asked(write_of, item) for item in items]
    done = await writer.write_each([each for each in asked if isinstance(each, Write)], urgent=urgent)
    of_written = iter(done)
    return [next(of_written) if isinstance(each, Write) else each for each in asked]


def _asked(write_of: Callable[[Item], Write[T]], item: Item) -> Write[T] | Exception:
    try:
        return write_of(item)
    except Exception as exc:
        return exc
