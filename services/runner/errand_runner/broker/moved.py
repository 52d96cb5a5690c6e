"""A repository that has another name at its git host now: where to, as far as that may be followed."""

from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

MOST = 3
"""A name that leads to a name that leads to a name; more is a circle."""


@dataclass
class Whereabouts:
    """Where a repository was found to be; `url` is empty while it is where it was said to be."""

    url: str = ""


def moved_to(asked: str, location: str, service: str) -> str | None:
    """The repository's address, where the answer to `service` of what was `asked` is elsewhere on the same git host.

    None for what is not followed: to another host or scheme no credential goes, nor anywhere where git is not spoken.
    """
    try:
        now, target = urlsplit(asked), urlsplit(urljoin(asked, location))
        same_place = _place(now) == _place(target)
    except ValueError:
        return None
    path, _, query = service.partition("?")
    base = target.path.removesuffix(path)
    fits = target.path.endswith(path) and target.query == query and base.strip("/") and ".." not in base.split("/")
    if not location or not same_place or not fits or "%" in base or target.username is not None:
        return None
    return f"{target.scheme}://{target.netloc}{base}"


def _place(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port
