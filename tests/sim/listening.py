"""What the services log in a schedule: warnings are steps, and what tells of a bug is a breach."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

# What the services log where something broke that never may.
_BUGS = frozenset(("events_not_stored", "method_failed", "attempt_not_carried", "notices_not_told", "service_broke"))


@contextmanager
def listening(
    broke: Callable[[BaseException], None], note: Callable[[str], None], *, wanted: Callable[[BaseException], bool]
) -> Iterator[None]:
    """While it lasts, nothing is printed. `wanted` says what breaks because the schedule has it so."""

    def listen(_: Any, __: str, entry: Any) -> Any:
        told = (entry.get("reason", ""), entry.get("error", ""), entry.get("transport", ""))
        note(f"log: {entry.get('event')} {' '.join(str(each) for each in told)}")
        if entry.get("event") in _BUGS:
            failure = entry.get("exc_info")
            found = failure if isinstance(failure, BaseException) else sys.exc_info()[1]
            if found is None or not wanted(found):
                broke(found or RuntimeError(str(entry)))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[listen], wrapper_class=structlog.make_filtering_bound_logger(30), cache_logger_on_first_use=False
    )
    try:
        yield
    finally:
        structlog.configure(**before)
