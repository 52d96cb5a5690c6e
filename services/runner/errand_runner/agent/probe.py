"""Asks the model's service at start whether it takes the key, and whether it has the model."""

import asyncio
from collections.abc import Sequence

import structlog

from errand_common.service import StartError
from errand_runner.agent.exchange import KeyRefused, ModelError
from errand_runner.agent.model import Model

_PROBE_S = 10.0
_UNAUTHENTICATED = 401
_KEYS_PAGE = "https://platform.claude.com/settings/keys"
# As many names as a person reads through.
_NAMED = 20

_log = structlog.get_logger()


async def probe(model: Model, model_id: str, *, limit_s: float = _PROBE_S) -> bool:
    """Whether it said that all is well.

    Raises StartError for a key that is refused, and for a model that is not among those that the service lists.
    A service that is away, and one that lists no models, is warned of: the first task shows how it stands.
    """
    try:
        async with asyncio.timeout(limit_s):
            if await model.has(model_id):
                return True
            listed = await model.models()
    except KeyRefused as exc:
        if exc.status != _UNAUTHENTICATED:
            # A key, or a service between, that may not list models may still serve them.
            _log.warning("model_not_checked", model=model_id, address=model.address, error=str(exc))
            return False
        raise StartError(
            f"ANTHROPIC_API_KEY: the model's service at {model.address} refuses the key ({exc.said}); make one at"
            f" {_KEYS_PAGE} and set it, or correct ANTHROPIC_BASE_URL if the key is another service's"
        ) from exc
    except ModelError as exc:
        _log.warning("model_not_checked", model=model_id, address=model.address, error=str(exc))
        return False
    except TimeoutError:
        _log.warning("model_not_checked", model=model_id, address=model.address, error=f"no answer in {limit_s:.0f} s")
        return False
    if not listed:
        _log.warning("model_not_checked", model=model_id, address=model.address, error="the service lists no models")
    elif model_id not in listed:
        raise StartError(_unknown(model_id, model.address, listed))
    return bool(listed)


def _unknown(model_id: str, address: str, listed: Sequence[str]) -> str:
    names = ", ".join(listed[:_NAMED]) + (f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else "")
    return (
        f"ERRAND_MODEL={model_id} is not a model of the service at {address}, which has {names};"
        f" for example ERRAND_MODEL={listed[0]}"
    )
