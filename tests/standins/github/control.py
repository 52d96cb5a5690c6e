"""What the demonstration asks the stand-in as its own process: which tokens it has handed out."""

import hmac
import ipaddress

from aiohttp import web

from tests.standins.github.accounts import Accounts


class Control:
    """For callers on this machine who know the key; everyone else finds nothing here."""

    def __init__(self, accounts: Accounts, key: str) -> None:
        self._accounts = accounts
        self._key = key

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/_standin/tokens", self.tokens)]

    async def tokens(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._key.encode()) or not _is_local(request.remote):
            raise web.HTTPNotFound
        return web.json_response({"tokens": self._accounts.tokens_issued()})


def _is_local(address: str | None) -> bool:
    return address is not None and ipaddress.ip_address(address).is_loopback
