"""The most that a request may carry."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES = 256 * 1024
"""Room for a prompt of 64 KiB and its JSON escapes."""


class BodyLimit:
    """Refuses with 413, before reading where the length is declared, while reading where it is not.

    Starlette's own limiter answers in plain text even where the app has a problem to say.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, _limited(scope, receive) if scope["type"] == "http" else receive, send)


def _limited(scope: Scope, receive: Receive) -> Receive:
    declared = Headers(scope=scope).get("content-length", "0")
    seen = 0

    async def receive_at_most() -> Message:
        nonlocal seen
        if declared.isdecimal() and int(declared) > BODY_BYTES:
            raise _too_large()
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > BODY_BYTES:
            raise _too_large()
        return message

    return receive_at_most


def _too_large() -> HTTPException:
    return HTTPException(413, f"the request is larger than {BODY_BYTES} bytes; send less")
