"""The stand-in's HTTP server."""

import asyncio
import hmac
import inspect
import secrets
from types import TracebackType
from typing import Any, Self

import structlog
from aiohttp import web
from multidict import CIMultiDictProxy

from tests.standins.claude.models import CONTEXT_TOKENS, MODELS
from tests.standins.claude.prefix import Cache, chain_of
from tests.standins.claude.replies import OVERLOADED, Cut, Failure, Reply
from tests.standins.claude.request import Request
from tests.standins.claude.rules import Refused, check, check_length
from tests.standins.claude.script import Answer, Script
from tests.standins.claude.wire import Context, encode, events

LOOPBACK = "127.0.0.1"

_log = structlog.get_logger()

_UNAUTHENTICATED = Failure(401, "authentication_error", "invalid bearer token")
_UNVERSIONED = Failure(400, "invalid_request_error", "anthropic-version: header is required")
_NO_MODEL = Failure(404, "not_found_error", "model not found")
_LARGEST_REQUEST_BYTES = 32 * 1024 * 1024


class ClaudeStandin:
    """Serves the Messages and Models API; used as a context. `requests` keeps every body that came in, `headers` what
    came with it."""

    def __init__(
        self,
        script: Script,
        *,
        key: str = "",
        host: str = LOOPBACK,
        port: int = 0,
        context_tokens: int = CONTEXT_TOKENS,
        pace_s: float = 0.0,
        has_models: bool = True,
    ) -> None:
        """Without a key it makes one up; `pace_s` is the least time between two pieces of any reply. Not `has_models`:
        it speaks the Messages API alone, as services of others may."""
        self.key = key or f"sk-ant-standin-{secrets.token_urlsafe(24)}"
        self.requests: list[dict[str, Any]] = []
        self.headers: list[CIMultiDictProxy[str]] = []
        self._script = script
        self._host = host
        self._port = port
        self._context_tokens = context_tokens
        self._pace_s = pace_s
        self._has_models = has_models
        self._cache = Cache()
        self._closing = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_LARGEST_REQUEST_BYTES)
        app.router.add_post("/v1/messages", self._messages)
        if self._has_models:
            app.router.add_get("/v1/models", self._models)
            app.router.add_get("/v1/models/{model}", self._model)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self.url = f"http://{self._host}:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        await self._runner.cleanup()

    async def _messages(self, http: web.Request) -> web.StreamResponse:
        try:
            self._admit(http)
            body = await http.json()
            self.requests.append(body)
            self.headers.append(http.headers)
            betas = frozenset(http.headers.get("anthropic-beta", "").replace(" ", "").split(","))
            check(body, betas=betas)
            chain = chain_of(body)
            check_length(chain.tokens, self._context_tokens)
        except Refused as refused:
            _log.info("standin_refused", status=refused.failure.status, why=refused.failure.message)
            return _failure(refused.failure)
        answer = await self._answer(Request(body, len(self.requests)))
        if isinstance(answer, Failure):
            return _failure(answer)
        shows = body.get("thinking", {}).get("display") == "summarized"
        context = Context(body["model"], self._cache.count(chain), chain.end, shows)
        if not body.get("stream"):
            return _failure(Failure(400, "invalid_request_error", "This stand-in only streams: send stream: true."))
        return await self._stream(http, answer, context)

    async def _models(self, http: web.Request) -> web.Response:
        try:
            self._admit(http)
        except Refused as refused:
            return _failure(refused.failure)
        ids = list(MODELS)
        page = {
            "data": [self._known(model) for model in ids],
            "has_more": False,
            "first_id": ids[0],
            "last_id": ids[-1],
        }
        return web.json_response(page)

    async def _model(self, http: web.Request) -> web.Response:
        try:
            self._admit(http)
        except Refused as refused:
            return _failure(refused.failure)
        model = http.match_info["model"]
        return web.json_response(self._known(model)) if model in MODELS else _failure(_NO_MODEL)

    def _known(self, model: str) -> dict[str, Any]:
        return MODELS[model] | {"max_input_tokens": self._context_tokens}

    def _admit(self, http: web.Request) -> None:
        if not hmac.compare_digest(http.headers.get("Authorization", ""), f"Bearer {self.key}"):
            raise Refused(_UNAUTHENTICATED)
        if "anthropic-version" not in http.headers:
            raise Refused(_UNVERSIONED)

    async def _answer(self, request: Request) -> Answer:
        try:
            answer = self._script(request)
            return await answer if inspect.isawaitable(answer) else answer
        except Exception as error:
            # The script's author must see it; the client sees what the API would send.
            _log.exception("standin_script_failed", request=request.number)
            return Failure(500, "api_error", f"the script failed: {error}")

    async def _stream(self, http: web.Request, reply: Reply, context: Context) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "request-id": _request_id()})
        await response.prepare(http)
        try:
            for number, event in enumerate(events(reply, context), start=1):
                await response.write(encode(event))
                if reply.cut is not None and number == reply.cut_after_events:
                    await self._cut(http, response, reply.cut)
                    return response
                if pace_s := max(reply.pace_s, self._pace_s):
                    await asyncio.sleep(pace_s)
        except ConnectionResetError:
            _log.info("standin_client_left")
        return response

    async def _cut(self, http: web.Request, response: web.StreamResponse, cut: Cut) -> None:
        match cut:
            case Cut.ABORT:
                if http.transport is not None:
                    http.transport.abort()
            case Cut.ERROR_EVENT:
                await response.write(encode({**OVERLOADED.body, "type": "error"}))
            case Cut.SILENCE:
                await self._closing.wait()


def _failure(failure: Failure) -> web.Response:
    request_id = _request_id()
    headers = {**failure.headers, "request-id": request_id}
    return web.json_response({**failure.body, "request_id": request_id}, status=failure.status, headers=headers)


def _request_id() -> str:
    return f"req_{secrets.token_hex(12)}"
