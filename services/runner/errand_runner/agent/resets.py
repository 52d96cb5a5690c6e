"""How long the model's service asks to wait: what the headers of its answer say."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_RESET = re.compile(r"anthropic-ratelimit-(.+)-reset", re.IGNORECASE)


def asked_wait_s(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Gives the seconds from now, more than 0; None where nothing, nonsense or "at once" is asked.

    `retry-after` counts first: it says when the next request may come, while a limit's reset is when all of it is there
    again. Without it, the last reset counts among the limits of which nothing remains. Instants are compared with the
    answer's own `date`, so that a wrong clock on this host changes nothing; `now` is for answers without one.
    """
    here = _http_date(headers.get("date", "")) or now
    waits = [_retry_after_s(headers.get("retry-after", ""), here)]
    if waits == [None]:
        waits = [(reset - here).total_seconds() for reset in _exhausted(headers)]
    wait_s = max((each for each in waits if each is not None), default=0.0)
    return wait_s if wait_s > 0 else None


def _retry_after_s(value: str, here: datetime) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        instant = _http_date(value)
        return (instant - here).total_seconds() if instant else None
    return seconds if math.isfinite(seconds) else None


def _exhausted(headers: Mapping[str, str]) -> Iterator[datetime]:
    for name, value in headers.items():
        found = _RESET.fullmatch(name)
        if found and headers.get(f"anthropic-ratelimit-{found[1]}-remaining") == "0" and (reset := _rfc3339(value)):
            yield reset


def _http_date(value: str) -> datetime | None:
    try:
        return _aware(parsedate_to_datetime(value))
    except ValueError:
        return None


def _rfc3339(value: str) -> datetime | None:
    try:
        return _aware(datetime.fromisoformat(value))
    except ValueError:
        return None


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
