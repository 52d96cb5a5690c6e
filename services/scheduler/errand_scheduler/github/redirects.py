"""Where GitHub says that something has moved to: followed within its own API, and nowhere else."""

import httpx2

MOST = 3
"""A name leads to a number and that to an answer; more is a circle."""


class Astray(Exception):
    """GitHub points to where a token is not sent; the message says where."""


def moved_to(response: httpx2.Response, base: httpx2.URL) -> str | None:
    """The address to ask in place of the one that answered; None where that was an answer. `base` is the API's.

    Raises Astray for one that is not below it: whoever gets a token there could use it.
    """
    if not response.is_redirect:
        return None
    told = response.headers.get("Location", "")
    try:
        target = response.url.join(told)
    except httpx2.InvalidURL as exc:
        raise Astray(told[:160]) from exc
    same_place = (target.scheme, target.host, target.port) == (base.scheme, base.host, base.port)
    if not told or not same_place or not target.path.startswith(base.path):
        raise Astray(str(target)[:160])
    return str(target)
