"""When GitHub wants to be asked again: what its limits say, by its own clock."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx2

# A limit on bursts may come with no header at all; then a minute is the least that GitHub wants to be left alone:
# https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
_SECONDARY_SAID = "secondary rate limit"
_SECONDARY_WAIT = timedelta(minutes=1)
# GitHub counts by the hour: what is further away is no reset of its.
_MOST = timedelta(hours=1, minutes=1)


def limited(response: httpx2.Response, words: str) -> bool:
    """Whether a limit refused it. GitHub says so with 429, or with 403 and one of two headers, or in `words`."""
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        return True
    spent = _is_spent(response) or "Retry-After" in response.headers or _SECONDARY_SAID in words.lower()
    return response.status_code == httpx2.codes.FORBIDDEN and spent


def wait(response: httpx2.Response, words: str) -> timedelta | None:
    """How long GitHub asks to be left alone; None where it does not say."""
    seconds = response.headers.get("Retry-After", "")
    if seconds.isdecimal():
        return timedelta(seconds=min(int(seconds), _MOST.total_seconds()))
    if _is_spent(response) and (until_reset := _until_reset(response)) is not None:
        return until_reset
    return _SECONDARY_WAIT if _SECONDARY_SAID in words.lower() else None


def _is_spent(response: httpx2.Response) -> bool:
    return bool(response.headers.get("X-RateLimit-Remaining") == "0")


def _until_reset(response: httpx2.Response) -> timedelta | None:
    """By the clock that says both: ours may be wrong. A second more, since both are cut to whole ones."""
    told = response.headers.get("X-RateLimit-Reset", "")
    if not told.isdecimal():
        return None
    try:
        date = response.headers.get("Date", "")
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        reset = datetime.fromtimestamp(int(told), UTC)
        return min(max(reset - now, timedelta()) + timedelta(seconds=1), _MOST)
    except (ValueError, TypeError, OverflowError, OSError):
        return None
