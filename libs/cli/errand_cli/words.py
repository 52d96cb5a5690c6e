"""Numbers and instants as people read them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from errand_common.wire import Json

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def cost(usage: Json) -> str:
    """Dollars; empty where nothing was used, or a price is not known."""
    known = usage.get("cost_nanodollars") if isinstance(usage, Mapping) else None
    return f"${int(str(known)) / 1e9:.2f}" if known is not None else ""


def span(seconds: float) -> str:
    """A duration, to the minute where it is long."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def age(instant: Json, now: datetime | None = None) -> str:
    """How long ago."""
    if not isinstance(instant, str) or not instant:
        return ""
    passed = ((now or datetime.now(UTC)) - datetime.fromisoformat(instant)).total_seconds()
    return "now" if passed < 1 else f"{span(passed)} ago"


def ahead(instant: Json, now: datetime | None = None) -> str:
    """In how long; empty for no instant."""
    if not isinstance(instant, str) or not instant:
        return ""
    left = (datetime.fromisoformat(instant) - (now or datetime.now(UTC))).total_seconds()
    return "now" if left < 1 else f"in {span(left)}"


def phrase(word: Json) -> str:
    """A word of the contract, as people write it."""
    return text(word).replace("_", " ")


def text(value: Json) -> str:
    """Whatever stands there; empty for nothing."""
    return "" if value is None else str(value)
