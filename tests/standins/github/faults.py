"""GitHub having a bad day, on request."""

import os
import signal
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.standins.github.rest_errors import ApiError

CONTROL = "/_standin/"
"""Where the stand-in itself is spoken to; no fault is there."""


@dataclass(frozen=True)
class Death:
    """Process `pid` is killed at the next call that has `only` in its address: before that has an effect, or `after`.
    No answer reaches it."""

    pid: int
    only: str
    after: bool


class Faults:
    """Addresses that hold `outage`, which may be empty, are answered with 502; `deny_next` refuses REST calls to come,
    one each; `death` comes once."""

    def __init__(self) -> None:
        self.outage: str | None = None
        self.death: Death | None = None
        self._denials: deque[ApiError] = deque()

    def deny_next(self, status: int, message: str, headers: Mapping[str, str]) -> None:
        self._denials.append(ApiError(status, message, headers=headers))

    def raise_denial(self) -> None:
        """Raises the oldest denial that is still to come, and forgets it."""
        if self._denials:
            raise self._denials.popleft()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.death is not None and self.death.only in request.path_qs and not request.path.startswith(CONTROL):
            death, self.death = self.death, None
            if death.after:
                await handler(request)
            os.kill(death.pid, signal.SIGKILL)
            return web.Response(status=502)
        if self.outage is None or self.outage not in request.path_qs or request.path.startswith(CONTROL):
            return await handler(request)
        page = "<html><body><h1>502 Bad Gateway</h1>The server returned an invalid response.</body></html>"
        return web.Response(status=502, text=page, content_type="text/html")
