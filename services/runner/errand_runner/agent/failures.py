"""What an error of the model's service means: one answer, one of the ways in which the model can fail."""

from dataclasses import dataclass

from errand_runner.agent.exchange import (
    ContentRefused,
    ContextOverflow,
    KeyRefused,
    ModelError,
    ModelUnavailable,
    QuotaReached,
    RateLimited,
    RequestRefused,
    RequestTooLarge,
    UnknownModel,
)

_RETRYABLE_STATUS = {408, 409, 429}
_SPEND_CODES = {"enforced_spend_limit_reached", "contract_spend_limit_reached"}
_TRANSIENT_KINDS = {"overloaded_error": "is overloaded", "api_error": "had an error", "timeout_error": "timed out"}


@dataclass(frozen=True, kw_only=True)
class ErrorAnswer:
    """An error as the service told it: `kind` and `code` are its own words, empty where it has none."""

    status: int
    kind: str
    code: str
    said: str
    wait_s: float | None
    model: str


def meaning(answer: ErrorAnswer) -> ModelError:
    """Renames an error. Its kind comes before its status: an error inside a stream has status 200."""
    status, kind, said = answer.status, answer.kind, answer.said
    if kind in _TRANSIENT_KINDS:
        return _trouble(answer, f"the model's service {_TRANSIENT_KINDS[kind]}")
    if answer.code in _SPEND_CODES or kind == "billing_error" or status == 402:
        return QuotaReached(f"The model account's limit is reached: {said}. Raise it, then send the task on.")
    if kind == "rate_limit_error" or status == 429:
        cause = f"the model's service limits this key's rate ({_told(answer)})"
        return RateLimited(cause, reset_s=answer.wait_s) if answer.wait_s else ModelUnavailable(cause)
    if kind in ("authentication_error", "permission_error") or status in (401, 403):
        return KeyRefused(said=said, status=status)
    if status in _RETRYABLE_STATUS or status >= 500 or status == 200:
        return _trouble(answer, "the model's service failed")
    if status == 413:
        return RequestTooLarge(said=said)
    if "prompt is too long" in said.lower():
        return ContextOverflow(f"The conversation no longer fits the model: {said}. Start a new task for what is left.")
    if status == 404 and kind == "not_found_error":
        return UnknownModel(answer.model, said=said)
    if status == 404:
        return RequestRefused(f"There is no model's service at this address (404): {said}. Correct ANTHROPIC_BASE_URL.")
    return ContentRefused(said=said, status=status)


def _trouble(answer: ErrorAnswer, what: str) -> ModelUnavailable:
    return ModelUnavailable(f"{what} ({_told(answer)})", retry_after_s=answer.wait_s)


def _told(answer: ErrorAnswer) -> str:
    # An error inside a stream has no status of its own.
    return answer.said if answer.status == 200 else f"{answer.status}: {answer.said}"
