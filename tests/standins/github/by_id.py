"""Repositories by their number, which they keep for ever: where an earlier name leads."""

from collections.abc import Iterable

from aiohttp import web

from tests.standins.github.repositories import Repository
from tests.standins.github.rest import addresses_of

_BY_NAME = "/repos/{owner}/{name}"
_BY_ID = r"/repositories/{repository_id:\d+}"


def with_ids(routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    """These, and the same again for whoever asks by number."""
    known = list(routes)
    named = [route for route in known if route.path.startswith(_BY_NAME)]
    return known + [web.route(each.method, each.path.replace(_BY_NAME, _BY_ID), each.handler) for each in named]


def address_by_id(request: web.Request, repository: Repository) -> str:
    """Where a question about a name of earlier times is answered."""
    below = request.path_qs.split("/repos/", 1)[1].split("?", 1)
    rest = "/".join(below[0].split("/")[2:])
    query = f"?{below[1]}" if len(below) > 1 else ""
    return f"{addresses_of(request).api}/repositories/{repository.id}{rest and f'/{rest}'}{query}"
