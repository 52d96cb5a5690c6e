"""Requests that may be sent again: the same request id does its work once."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from errand_common.errors import Conflict
from errand_scheduler.edges.requests import check_request_id, fingerprint
from errand_scheduler.store import idempotency
from errand_scheduler.store.idempotency import IdempotencyKey
from errand_scheduler.store.transaction import Tx

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """A request as sent. `user_id` is the caller: a person's id, or a credential's name. Without a `request_id` it is
    never the same as another."""

    user_id: str
    method: str
    request_id: str
    fingerprint: bytes


def sent(request: Message, *, user_id: str, method: str, request_id: str) -> Request:
    """A request as it came. Raises Invalid for a request id that is too long."""
    return Request(
        user_id=user_id,
        method=method,
        request_id=check_request_id(request_id),
        fingerprint=fingerprint(request),
    )


def once(tx: Tx, request: Request, *, do: Callable[[], T], again: Callable[[str], T], id_of: Callable[[T], str]) -> T:
    """Do it, or, if it was done before, read what it made. Raises Conflict IDEMPOTENCY_MISMATCH."""
    if not request.request_id:
        return do()
    request_hash = hashlib.sha256(request.fingerprint).hexdigest()
    known = tx.one(idempotency.by_request(request.user_id, request.request_id))
    if known is not None:
        if (known.method, known.request_hash) != (request.method, request_hash):
            raise Conflict(
                f"the request id {request.request_id} was used for another request; choose a new one for each",
                reason="IDEMPOTENCY_MISMATCH",
            )
        return again(known.response_id)
    result = do()
    key = IdempotencyKey(
        user_id=request.user_id,
        request_id=request.request_id,
        method=request.method,
        request_hash=request_hash,
        response_id=id_of(result),
    )
    idempotency.insert(tx, key)
    return result
