"""Pages of a list, with GitHub's Link header."""

from collections.abc import Sequence
from typing import TypeVar

from yarl import URL

Item = TypeVar("Item")

_DEFAULT_SIZE = 30
_LARGEST_SIZE = 100


def page_of(items: Sequence[Item], url: URL) -> tuple[Sequence[Item], dict[str, str]]:
    """The items of the page that `per_page` and `page` ask for, and headers that name its neighbours."""
    size = min(_number(url, "per_page", _DEFAULT_SIZE), _LARGEST_SIZE)
    page = _number(url, "page", 1)
    last = max(1, -(-len(items) // size))
    links = _links(url, page, last)
    return items[(page - 1) * size : page * size], {"Link": links} if links else {}


def _number(url: URL, name: str, default: int) -> int:
    """A positive number from the query; anything else is read as the default."""
    text = url.query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else default


def _links(url: URL, page: int, last: int) -> str:
    neighbours = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    shown = {
        relation: number
        for relation, number in neighbours.items()
        if number != page and 1 <= number <= last and (relation not in ("last", "first") or last > 1)
    }
    return ", ".join(f'<{url.update_query(page=number)}>; rel="{relation}"' for relation, number in shown.items())
