"""Claude's API: the only door to it. Streams one reply and renames every failure."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Any, cast

import anthropic
import httpx2
import structlog
from anthropic.lib.streaming import AsyncMessageStream
from anthropic.types import CacheControlEphemeralParam, MessageParam, Usage
from anthropic.types.parsed_message import ParsedMessage

from errand_runner.agent.exchange import (
    ContextOverflow,
    KeyRefused,
    ModelError,
    ModelUnavailable,
    Piece,
    QuotaReached,
    Reply,
    Request,
    RequestRefused,
    Tokens,
)
from errand_runner.agent.transcript import Block

_log = structlog.get_logger()

# Pings arrive while Claude thinks, so two silent minutes mean a dead connection.
_TIMEOUT = httpx2.Timeout(connect=10.0, read=120.0, write=60.0, pool=10.0)
_REQUEST_LIMIT_S = 30 * 60.0
_PROBE_LIMIT_S = 10.0
# One breakpoint on the last block, moved forward by the service as the conversation grows.
_CACHE: CacheControlEphemeralParam = {"type": "ephemeral"}
# Room for a long file in one reply, and far below what current models allow.
_MAX_TOKENS = 32_000

_RETRYABLE_STATUS = {408, 409, 429}
_SPEND_CODES = {"enforced_spend_limit_reached", "contract_spend_limit_reached"}
_TRANSIENT_TYPES = {"overloaded_error": "is overloaded", "api_error": "had an error", "timeout_error": "timed out"}


@dataclass(frozen=True)
class Abilities:
    """What a model can, as far as its service tells: the longest reply, and whether it summarises its thoughts."""

    max_tokens: int
    thinking: Block | None


class Model:
    """A client of Claude's API, or of a service that speaks it. All loops of a runner share it; close it at the end."""

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str,
        request_limit_s: float = _REQUEST_LIMIT_S,
    ) -> None:
        """Takes all by argument, so that the environment decides nothing."""
        # Retries are ours: the SDK's would be invisible to people and obey any retry-after.
        self._client = anthropic.AsyncAnthropic(api_key=api_key, base_url=base_url, timeout=_TIMEOUT, max_retries=0)
        self._request_limit_s = request_limit_s

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def abilities(self, model: str) -> Abilities:
        """Asks what a model can. A service that does not say gets the plainest request; this never fails."""
        try:
            info = await self._client.models.retrieve(model, timeout=_PROBE_LIMIT_S)
        except (anthropic.APIError, httpx2.HTTPError, ValueError) as error:
            _log.info("model_abilities_unknown", model=model, error=type(error).__name__)
            return Abilities(_MAX_TOKENS, None)
        summarises = info.capabilities is not None and info.capabilities.thinking.types.adaptive.supported
        # Newer models put what they say between tools into thoughts, and hide those unless asked for a summary.
        thinking = {"type": "adaptive", "display": "summarized"} if summarises else None
        return Abilities(min(_MAX_TOKENS, info.max_tokens or _MAX_TOKENS), thinking)

    async def stream(self, request: Request) -> AsyncGenerator[Piece | Reply]:
        """Asks once: gives pieces as they come, then the whole reply. Raises ModelError; then all pieces are void."""
        try:
            async with asyncio.timeout(self._request_limit_s) as limit:
                manager = self._client.messages.stream(**_arguments(request))
                stream = await manager.__aenter__()
            try:
                finished = False
                # The bound is taken anew for each step: a timeout must never be open across a yield, where it would
                # cancel the consumer.
                while (event := await _next_event(stream, limit.when())) is not None:
                    finished = finished or event.type == "message_stop"
                    if (piece := _piece(event)) is not None:
                        yield piece
                if not finished:
                    raise ModelUnavailable("the reply was cut off on the way")
                yield _reply(stream.current_message_snapshot)
            finally:
                await stream.close()
        except ModelError:
            raise
        except anthropic.APIStatusError as error:
            raise _classified(error) from error
        except TimeoutError as error:
            raise ModelUnavailable("the reply took too long") from error
        except (anthropic.APIError, httpx2.HTTPError) as error:
            raise ModelUnavailable("the connection to the model's service failed") from error
        except ValueError as error:
            # The SDK raises bare ValueErrors for stream events and tool inputs that are no JSON.
            raise ModelUnavailable("the reply was garbled on the way") from error


def _arguments(request: Request) -> dict[str, Any]:
    params = dict(request.prefix.params)
    messages = cast(Iterable[MessageParam], request.messages)
    return {**params, "messages": messages, "cache_control": _CACHE}


async def _next_event(stream: AsyncMessageStream[None], deadline: float | None) -> Any:
    async with asyncio.timeout_at(deadline):
        return await anext(stream, None)


def _piece(event: Any) -> Piece | None:
    if event.type != "content_block_delta":
        return None
    match event.delta.type:
        case "text_delta" if event.delta.text:
            return Piece(event.index, "text", event.delta.text)
        case "thinking_delta" if event.delta.thinking:
            return Piece(event.index, "thinking", event.delta.thinking)
    return None


def _reply(message: ParsedMessage[None]) -> Reply:
    return Reply(
        blocks=[cast(Block, block.to_dict(mode="json", warnings=False)) for block in message.content],
        stop_reason=message.stop_reason or "",
        model=message.model,
        tokens=_tokens(message.usage),
        refusal=(message.stop_details.category or "") if message.stop_details else "",
    )


def _tokens(usage: Usage) -> Tokens:
    written = usage.cache_creation_input_tokens or 0
    for_an_hour = usage.cache_creation.ephemeral_1h_input_tokens if usage.cache_creation else 0
    return Tokens(
        input=usage.input_tokens,
        cache_write_5m=written - for_an_hour,
        cache_write_1h=for_an_hour,
        cache_read=usage.cache_read_input_tokens or 0,
        output=usage.output_tokens,
    )


def _classified(error: anthropic.APIStatusError) -> ModelError:
    """Renames an error of the service. Its type comes before its status: an error inside a stream has status 200."""
    said = error.api_message or json.dumps(error.body, default=str)[:300]
    status = error.status_code
    if error.type in _TRANSIENT_TYPES:
        return ModelUnavailable(
            f"the model's service {_TRANSIENT_TYPES[error.type]}", retry_after_s=_retry_after(error)
        )
    if error.error_code in _SPEND_CODES or error.type == "billing_error" or status == 402:
        return QuotaReached(f"The model account's limit is reached: {said}. Raise it, then send the task on.")
    if error.type == "rate_limit_error" or status == 429:
        return ModelUnavailable("the model's service limits our rate", retry_after_s=_retry_after(error))
    if error.type in ("authentication_error", "permission_error") or status in (401, 403):
        return KeyRefused(
            f"The model's service refused the runner's key ({status}): {said}. Set a valid ANTHROPIC_API_KEY."
        )
    if status in _RETRYABLE_STATUS or status >= 500 or status == 200:
        return ModelUnavailable(f"the model's service answered {status}", retry_after_s=_retry_after(error))
    if status == 413 or "prompt is too long" in said.lower():
        return ContextOverflow(f"The conversation no longer fits the model: {said}. Start a new task for what is left.")
    return RequestRefused(f"The model's service refused the request ({status}): {said}")


def _retry_after(error: anthropic.APIStatusError) -> float | None:
    """Reads `retry-after` in seconds; a date or nonsense counts as absent, and our own delay serves."""
    try:
        return float(error.response.headers["retry-after"])
    except (KeyError, ValueError):
        return None
