"""A live socket from handshake to goodbye."""

import asyncio
from contextlib import suppress

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from errand_common.errors import ErrandError, Unauthenticated
from errand_gateway.live.closing import Closing, Goodbye, broken, refused, silent
from errand_gateway.live.conversation import Conversation, receive_text
from errand_gateway.live.limits import Census, LiveLimits
from errand_gateway.live.messages import Authenticate, error_message, parse
from errand_gateway.scheduler.accounts import Accounts
from errand_gateway.scheduler.tasks import Tasks
from errand_gateway.sessions import Sessions, well_formed

log = structlog.get_logger()


class LiveRoute:
    """The endpoint: each call is one socket."""

    def __init__(
        self, *, sessions: Sessions, accounts: Accounts, tasks: Tasks, census: Census, limits: LiveLimits
    ) -> None:
        self._sessions = sessions
        self._accounts = accounts
        self._tasks = tasks
        self._census = census
        self._limits = limits

    async def serve(self, websocket: WebSocket) -> None:
        """Accepts first: a browser cannot see why a handshake was refused, but it can read an error."""
        await websocket.accept()
        goodbye: Goodbye | None = None
        try:
            await self._converse(websocket)
        except* WebSocketDisconnect:
            log.debug("live_client_left")
        except* Closing as group:
            goodbye = _first(group).goodbye
        except* Exception:
            log.exception("live_socket_failed")
            goodbye = broken()
        if goodbye is not None:
            log.info("live_closed", code=goodbye.code, reason=goodbye.error.reason)
            await self._say(goodbye, websocket)

    async def _converse(self, websocket: WebSocket) -> None:
        try:
            token = await self._token(websocket)
            user_id = await self._accounts.user_id(token)
        except ErrandError as exc:
            raise Closing(refused(exc)) from exc
        with self._census.seat(user_id):
            log.info("live_opened", user_id=user_id)
            await Conversation(websocket, self._tasks, self._limits, token=token).run(user_id)

    async def _token(self, websocket: WebSocket) -> str:
        token = self._sessions.header_token(websocket) or self._sessions.cookie_token(websocket)
        if token is not None:
            return token
        try:
            async with asyncio.timeout(self._limits.authenticate_s):
                first = parse(await receive_text(websocket))
        except TimeoutError as exc:
            raise Closing(silent()) from exc
        if not isinstance(first, Authenticate):
            raise Unauthenticated(f"{first.type} came before authenticate; send the token first")
        return well_formed(first.token)

    async def _say(self, goodbye: Goodbye, websocket: WebSocket) -> None:
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(self._limits.goodbye_s):
                if goodbye.listens:
                    await websocket.send_text(error_message(goodbye.error))
                await websocket.close(goodbye.code, goodbye.error.reason)


def _first(group: BaseExceptionGroup[Closing]) -> Closing:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
