"""The client of Claude's API: streams one reply, and renames every failure."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

import anthropic
import httpx2
import structlog
from anthropic import AsyncStream

from errand_common import handshake
from errand_runner.agent.exchange import Begun, Hidden, ModelUnavailable, Piece, Reply, Request
from errand_runner.agent.failures import ErrorAnswer, meaning
from errand_runner.agent.model.abilities import UNKNOWN, Abilities, abilities_of, is_active
from errand_runner.agent.model.reading import Reading
from errand_runner.agent.model.sending import BETA, SUMMARIES, betas_in, body_of, knows_summaries
from errand_runner.agent.redact import Redactor
from errand_runner.agent.resets import asked_wait_s

_log = structlog.get_logger()

# Pings arrive while Claude thinks, so two silent minutes mean a dead connection.
_SILENCE_S = 120.0
_REQUEST_LIMIT_S = 30 * 60.0
_PROBE_LIMIT_S = 10.0
# What the service says goes into a sentence for people.
_SAID_CHARACTERS = 300
_MODELS_PAGE = 1000


def _utcnow() -> datetime:
    return datetime.now(UTC)


class Model:
    """A client of Claude's API, or of a service that speaks it. All loops of a runner share it; close it at the end."""

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        request_limit_s: float = _REQUEST_LIMIT_S,
        silence_s: float = _SILENCE_S,
        utcnow: Callable[[], datetime] = _utcnow,
    ) -> None:
        """Takes all by argument. `headers` go with every request: some services that speak Claude's API want theirs."""
        timeout = httpx2.Timeout(connect=10.0, read=silence_s, write=60.0, pool=10.0)
        # Retries are ours: the SDK's would be invisible to people and obey any retry-after.
        self._client = anthropic.AsyncAnthropic(
            api_key=api_key,
            base_url=base_url,
            default_headers=dict(headers or {}),
            timeout=timeout,
            max_retries=0,
        )
        self._request_limit_s, self._utcnow = request_limit_s, utcnow
        self._base_url = base_url
        self._abilities: dict[str, Abilities] = {}
        self._betas = tuple(betas_in(headers or {}))
        # Some services repeat the key in what they say of it.
        self._redactor = Redactor([api_key, *(headers or {}).values()])
        self.address = _address(base_url)
        """Where the service is, for people to read."""

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def abilities(self, model: str) -> Abilities:
        """Asks what a model can, once. A service that does not say gets the plainest request; this never fails."""
        if model in self._abilities:
            return self._abilities[model]
        try:
            info = await self._client.models.retrieve(model, timeout=_PROBE_LIMIT_S)
            self._abilities[model] = abilities_of(info)
        except (anthropic.APIError, httpx2.HTTPError, ValueError, AttributeError) as error:
            # The SDK passes on whatever came: a page of HTML is text, a part that is missing is None.
            _log.info("model_abilities_unknown", model=model, error=type(error).__name__)
            return UNKNOWN
        return self._abilities[model]

    async def has(self, model: str) -> bool:
        """Asks whether a model can be asked for. Raises ModelError where the service does not say."""
        async with self._renamed_errors(model):
            try:
                info = await self._client.models.retrieve(model)
            except anthropic.NotFoundError:
                return False
            return is_active(info)

    async def models(self) -> Sequence[str]:
        """Lists the models that can be asked for; none where the answer is no list. Raises ModelError."""
        async with self._renamed_errors(""):
            try:
                page = await self._client.models.list(limit=_MODELS_PAGE)
            except AttributeError:
                # The SDK takes any answer for a page, and stumbles over one that is text.
                return ()
            return [info.id for info in page.data or () if is_active(info)]

    async def stream(self, request: Request) -> AsyncGenerator[Begun | Piece | Hidden | Reply]:
        """Asks once: tells that it begins, gives pieces as they come, then the whole reply.

        Raises ModelError; then all pieces are void.
        """
        async with self._renamed_errors(request.prefix.model):
            async with asyncio.timeout(self._request_limit_s) as limit:
                stream = await self._begin(request)
            reading = Reading()
            try:
                # The bound is taken anew for each step: a timeout must never be open across a yield, where it would
                # cancel the consumer.
                while (event := await _next_event(stream, limit.when())) is not None:
                    if (piece := reading.take(event)) is not None:
                        yield piece
                if not reading.finished:
                    raise ModelUnavailable("the reply was cut off on the way")
                yield reading.reply()
            finally:
                await stream.close()

    async def _begin(self, request: Request) -> AsyncStream[object]:
        """The stream's events as they come: the SDK's own replies read a tool's input anew with each piece of it, and
        its own requests copy the conversation twice."""
        headers = {BETA: ",".join([*self._betas, SUMMARIES])} if knows_summaries(request) else {}
        return await self._client.post(
            "/v1/messages",
            content=body_of(request),
            options={"headers": headers},
            cast_to=object,
            stream=True,
            stream_cls=AsyncStream[object],
        )

    @asynccontextmanager
    async def _renamed_errors(self, model: str) -> AsyncIterator[None]:
        try:
            yield
        except anthropic.APIStatusError as error:
            raise meaning(self._answer(error, model)) from error
        except TimeoutError as error:
            raise ModelUnavailable("the reply took too long") from error
        except (anthropic.APIError, httpx2.HTTPError) as error:
            raise ModelUnavailable(await self._break(error)) from error
        except ValueError as error:
            # The SDK raises bare ValueErrors for stream events and tool inputs that are no JSON.
            raise ModelUnavailable("the reply was garbled on the way") from error

    async def _break(self, error: Exception) -> str:
        # The SDK has one error for all that fails before the answer begins, and says why in its cause.
        cause = error.__cause__ if isinstance(error, anthropic.APIConnectionError) else error
        if isinstance(cause, httpx2.ReadTimeout):
            return "the model's service fell silent"
        words = await handshake.look_at_service(error, self._base_url) or str(cause) or type(cause).__name__
        return f"the connection to the model's service at {self.address} broke ({words})"

    def _answer(self, error: anthropic.APIStatusError, model: str) -> ErrorAnswer:
        said = error.api_message or json.dumps(error.body, default=str)
        return ErrorAnswer(
            status=error.status_code,
            kind=error.type or "",
            code=error.error_code or "",
            said=self._redactor.text(said)[:_SAID_CHARACTERS].strip().rstrip("."),
            wait_s=asked_wait_s(error.response.headers, now=self._utcnow()),
            model=model,
        )


def _address(base_url: str) -> str:
    """The address without a user's name and password."""
    parts = urlsplit(base_url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


async def _next_event(stream: AsyncStream[object], deadline: float | None) -> object | None:
    async with asyncio.timeout_at(deadline):
        return await anext(stream, None)
