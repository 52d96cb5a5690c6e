"""Errors as RFC 9457 problems: one shape for every refusal."""

import math
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from errand_common.errors import ErrandError

MEDIA_TYPE = "application/problem+json"

_UNAVAILABLE_RETRY = timedelta(seconds=2)
_REASONS = {401: "UNAUTHENTICATED", 403: "DENIED", 404: "NOT_FOUND", 429: "EXHAUSTED", 503: "UNAVAILABLE"}


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field("about:blank", description="Always about:blank: `reason` tells problems apart")
    title: str = Field(description="The words of the HTTP status")
    status: int = Field(description="The HTTP status")
    detail: str = Field(description="What was asked, what was found, what to do")
    reason: str = Field(description="For programs: a name of ErrorReason in the contract, without its prefix")
    request_id: str = Field(description="Names the request in the logs")


RESPONSES: dict[int | str, dict[str, object]] = {
    "default": {"description": "Refused", "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}
}
"""What every operation of the OpenAPI document says of its refusals."""


def problem(
    status: int,
    *,
    reason: str,
    detail: str,
    retry_after: timedelta | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response of a refusal."""
    body = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        reason=reason,
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
    )
    extra = dict(headers or {})
    if retry_after is not None:
        extra["Retry-After"] = str(max(1, math.ceil(retry_after.total_seconds())))
    if status == HTTPStatus.UNAUTHORIZED:
        extra["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body.model_dump(), status_code=status, media_type=MEDIA_TYPE, headers=extra)


def of_error(error: ErrandError) -> Response:
    """The problem that an error is."""
    unavailable = error.http_status == HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = error.retry_after or (_UNAVAILABLE_RETRY if unavailable else None)
    return problem(error.http_status, reason=error.reason, detail=error.message, retry_after=retry_after)


def install(app: FastAPI) -> None:
    """Make the app answer with problems."""
    app.add_exception_handler(ErrandError, _errand_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_exception)


async def _errand_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ErrandError)
    return of_error(error)


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # The input is left out: it may hold a token or a prompt.
    detail = "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())
    return problem(400, reason="INVALID", detail=detail)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reason = _REASONS.get(error.status_code, "INTERNAL" if error.status_code >= 500 else "INVALID")
    return problem(error.status_code, reason=reason, detail=_words(request, error), headers=error.headers)


def _words(request: Request, error: HTTPException) -> str:
    match error.status_code:
        case 404:
            return f"there is nothing at {request.url.path}; /openapi.json lists what there is"
        case 405:
            allowed = (error.headers or {}).get("Allow", "another method")
            return f"{request.url.path} does not take {request.method}; use {allowed}"
    return error.detail
