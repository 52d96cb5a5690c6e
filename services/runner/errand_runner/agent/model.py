"""Claude's API: the only door to it. Streams one reply and renames every failure."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

import anthropic
import httpx2
import structlog
from anthropic.lib.streaming import AsyncMessageStream, BetaAsyncMessageStream
from anthropic.types import CacheControlEphemeralParam, MessageParam, ModelInfo, Usage
from anthropic.types.beta import BetaUsage
from anthropic.types.beta.parsed_beta_message import ParsedBetaMessage
from anthropic.types.parsed_message import ParsedMessage

from errand_common import handshake
from errand_runner.agent.caching import marked
from errand_runner.agent.exchange import Begun, Hidden, ModelUnavailable, Piece, Reply, Request, Tokens
from errand_runner.agent.failures import Answer, meaning
from errand_runner.agent.redact import Redactor
from errand_runner.agent.resets import asked_wait_s
from errand_runner.agent.transcript import COMPACTION, Block

_log = structlog.get_logger()

# Pings arrive while Claude thinks, so two silent minutes mean a dead connection.
_SILENCE_S = 120.0
_REQUEST_LIMIT_S = 30 * 60.0
_PROBE_LIMIT_S = 10.0
# One mark on the last block, moved forward by the service as the conversation grows.
_CACHE: CacheControlEphemeralParam = {"type": "ephemeral"}
# Room for a long file in one reply, and far below what current models allow.
_MAX_TOKENS = 32_000
# Summaries on demand, as this release speaks of them.
_COMPACTION = "compact-2026-09-04"
_BETA = "anthropic-beta"
# What the service says goes into a sentence for people.
_SAID_CHARACTERS = 300
_MODELS_PAGE = 1000


def _utcnow() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Abilities:
    """What a model can, as far as its service tells; `known` says whether it told anything.

    `max_tokens` is what a new task's requests begin with; `longest_reply` and `context` are the model's own limits in
    tokens, None where the service does not say; `thinking` asks for summaries of its thoughts where it gives any;
    `efforts` are those that it can be asked for.
    """

    max_tokens: int
    thinking: Block | None
    efforts: frozenset[str] = frozenset()
    known: bool = True
    longest_reply: int | None = None
    context: int | None = None


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
        self._betas = tuple(_betas_in(headers or {}))
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
            summarises = info.capabilities is not None and info.capabilities.thinking.types.adaptive.supported
        except (anthropic.APIError, httpx2.HTTPError, ValueError, AttributeError) as error:
            # The SDK passes on whatever came: a page of HTML is text, a part that is missing is None.
            _log.info("model_abilities_unknown", model=model, error=type(error).__name__)
            return Abilities(_MAX_TOKENS, None, known=False)
        # Newer models put what they say between tools into thoughts, and hide those unless asked for a summary.
        thinking = {"type": "adaptive", "display": "summarized"} if summarises else None
        self._abilities[model] = Abilities(
            max_tokens=min(_MAX_TOKENS, info.max_tokens or _MAX_TOKENS),
            thinking=thinking,
            efforts=_efforts(info),
            longest_reply=info.max_tokens or None,
            context=info.max_input_tokens or None,
        )
        return self._abilities[model]

    async def has(self, model: str) -> bool:
        """Asks whether a model can be asked for. Raises ModelError where the service does not say."""
        async with self._renamed_errors(model):
            try:
                info = await self._client.models.retrieve(model)
            except anthropic.NotFoundError:
                return False
            return _is_active(info)

    async def models(self) -> Sequence[str]:
        """Lists the models that can be asked for; none where the answer is no list. Raises ModelError."""
        async with self._renamed_errors(""):
            try:
                page = await self._client.models.list(limit=_MODELS_PAGE)
            except AttributeError:
                # The SDK takes any answer for a page, and stumbles over one that is text.
                return ()
            return [info.id for info in page.data or () if _is_active(info)]

    async def stream(self, request: Request) -> AsyncGenerator[Begun | Piece | Hidden | Reply]:
        """Asks once: tells that it begins, gives pieces as they come, then the whole reply.

        Raises ModelError; then all pieces are void.
        """
        async with self._renamed_errors(request.prefix.model):
            async with asyncio.timeout(self._request_limit_s) as limit:
                stream = await self._begin(request)
            try:
                finished = False
                # The bound is taken anew for each step: a timeout must never be open across a yield, where it would
                # cancel the consumer.
                while (event := await _next_event(stream, limit.when())) is not None:
                    finished = finished or event.type == "message_stop"
                    if event.type == "message_start":
                        yield Begun(event.message.model, _tokens(event.message.usage))
                    if (piece := _piece(event)) is not None:
                        yield piece
                if not finished:
                    raise ModelUnavailable("the reply was cut off on the way")
                yield _reply(stream.current_message_snapshot)
            finally:
                await stream.close()

    async def _begin(self, request: Request) -> AsyncMessageStream[None] | BetaAsyncMessageStream[None]:
        arguments = _arguments(request)
        if request.sums_up:
            beta = self._client.beta.messages
            betas = [*self._betas, _COMPACTION]
            return await beta.stream(**arguments, betas=betas, compaction={"type": "summarize"}).__aenter__()
        if _begins_with_summary(request):
            # Who sends a summary back says that they know them.
            arguments["extra_headers"] = {_BETA: ",".join([*self._betas, _COMPACTION])}
        return await self._client.messages.stream(**arguments).__aenter__()

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

    def _answer(self, error: anthropic.APIStatusError, model: str) -> Answer:
        said = error.api_message or json.dumps(error.body, default=str)
        return Answer(
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


def _betas_in(headers: Mapping[str, str]) -> Iterator[str]:
    """What a request's own header must repeat: it stands in the place of the one that goes with every request."""
    for name, value in headers.items():
        if name.lower() == _BETA:
            yield from (beta for each in value.split(",") if (beta := each.strip()) and beta != _COMPACTION)


def _is_active(info: object) -> bool:
    return isinstance(info, ModelInfo) and info.lifecycle != "retired"


def _efforts(info: ModelInfo) -> frozenset[str]:
    if info.capabilities is None:
        return frozenset()
    # By name, since a level that is new to the SDK is passed on by it all the same.
    told = info.capabilities.effort.to_dict()
    return frozenset(level for level, able in told.items() if isinstance(able, dict) and able.get("supported") is True)


def _arguments(request: Request) -> dict[str, Any]:
    params = dict(request.prefix.params)
    if request.max_tokens is not None:
        params["max_tokens"] = request.max_tokens
    messages = cast(Iterable[MessageParam], marked(request.messages))
    return {**params, "messages": messages, "cache_control": _CACHE}


def _begins_with_summary(request: Request) -> bool:
    blocks = [cast(Sequence[Block], message["content"]) for message in request.messages[:1]]
    return any(block.get("type") == COMPACTION for first in blocks for block in first)


async def _next_event(stream: AsyncMessageStream[None] | BetaAsyncMessageStream[None], deadline: float | None) -> Any:
    async with asyncio.timeout_at(deadline):
        return await anext(stream, None)


def _piece(event: Any) -> Piece | Hidden | None:
    if event.type != "content_block_delta":
        return None
    match event.delta.type:
        case "text_delta" if event.delta.text:
            return Piece(event.index, "text", event.delta.text)
        case "thinking_delta" if event.delta.thinking:
            return Piece(event.index, "thinking", event.delta.thinking)
        case "input_json_delta" if event.delta.partial_json:
            return Hidden(len(event.delta.partial_json))
    return None


def _reply(message: ParsedMessage[None] | ParsedBetaMessage[None]) -> Reply:
    return Reply(
        blocks=[cast(Block, block.to_dict(mode="json", warnings=False)) for block in message.content],
        stop_reason=message.stop_reason or "",
        model=message.model,
        tokens=_tokens(message.usage),
        refusal=(message.stop_details.category or "") if message.stop_details else "",
    )


def _tokens(usage: Usage | BetaUsage) -> Tokens:
    # What a summary took stands apart from the sums.
    extra = (
        [each for each in usage.iterations or () if each.type == "compaction"] if isinstance(usage, BetaUsage) else []
    )
    total = Tokens()
    for each in [usage, *extra]:
        written = each.cache_creation_input_tokens or 0
        for_an_hour = each.cache_creation.ephemeral_1h_input_tokens if each.cache_creation else 0
        total = Tokens(
            input=total.input + each.input_tokens,
            cache_write_5m=total.cache_write_5m + written - for_an_hour,
            cache_write_1h=total.cache_write_1h + for_an_hour,
            cache_read=total.cache_read + (each.cache_read_input_tokens or 0),
            output=total.output + each.output_tokens,
        )
    return total
