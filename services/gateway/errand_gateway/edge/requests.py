"""The outer edge of every request: its id, its one line in the log, and what escapes the code below."""

import logging
import re
import time
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errand_gateway.metrics import counted
from errand_gateway.problems import problem

HEADER = "X-Request-Id"

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")

# Asked every few seconds by supervisors, or many at once for one look at the page.
_FREQUENT = ("/healthz", "/readyz", "/page/")

log = structlog.get_logger()


class Requests:
    """Binds `request_id` for all that is logged below; takes the caller's when it is well-formed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope).get(HEADER, "")
        request_id = asked if _WELL_FORMED.fullmatch(asked) else uuid.uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            if scope["type"] == "http":
                await _Exchange(scope, receive, send, request_id).run(self._app)
            else:
                await self._app(scope, receive, send)


class _Exchange:
    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._request_id = request_id
        self._status = 0

    async def run(self, app: ASGIApp) -> None:
        began = time.monotonic()
        try:
            await app(self._scope, self._receive, self._sent)
        except Exception:
            log.exception("request_failed", method=self._scope["method"], path=self._scope["path"])
            if self._status:
                raise
            detail = "something broke inside the gateway; its log has the cause under this request_id"
            await problem(500, reason="INTERNAL", detail=detail)(self._scope, self._receive, self._sent)
        finally:
            duration_s = time.monotonic() - began
            counted.answered(self._scope, self._status, duration_s)
            # Never the query: the sign-in's codes travel in it.
            log.log(
                logging.DEBUG if self._scope["path"].startswith(_FREQUENT) else logging.INFO,
                "request_answered",
                method=self._scope["method"],
                path=self._scope["path"],
                status=self._status,
                duration_s=round(duration_s, 4),
            )

    async def _sent(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            MutableHeaders(scope=message)[HEADER] = self._request_id
        await self._send(message)
