"""Who may call what: the credential's owner is looked up, and must hold the scope that the method asks for."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import structlog

from errand_common import rpc
from errand_common.clock import Clock
from errand_common.credentials import hash_token
from errand_common.errors import Denied, Unauthenticated
from errand_common.ids import Ids
from errand_scheduler.access.admission import Admission
from errand_scheduler.access.callers import PERSON_SCOPES, Caller, bind
from errand_scheduler.store import join_tokens, service_tokens, sessions, users
from errand_scheduler.store.reader import Reader

OPEN = frozenset({"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"})
"""Methods of gRPC's own that need no credential."""
ANY_CREDENTIAL = frozenset({"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"})
"""Methods of gRPC's own that any credential may call."""

_FIT = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NOBODY = Caller(name="nobody", scopes=frozenset())
_CACHED = 10_000  # credentials remembered before starting over
_FOR_EVER = 2**63 - 1


@dataclass(frozen=True)
class _Known:
    caller: Caller
    expire_time: int


class Authority:
    """Resolves bearer tokens: an in-memory cache over hashed columns, emptied the moment a session ends."""

    def __init__(self, reader: Reader, clock: Clock, admission: Admission) -> None:
        self._reader = reader
        self._clock = clock
        self._admission = admission
        self._known: dict[str, _Known] = {}
        self._revocations = 0

    async def resolve(self, token: str) -> Caller:
        """The credential's owner. Raises Unauthenticated, and Denied NOT_ADMITTED for a user who no longer is."""
        token_hash = hash_token(token)
        known = self._known.get(token_hash) or await self._look_up(token_hash)
        if known is None or known.expire_time <= self._clock.now_us():
            raise Unauthenticated("the credential is unknown, expired or revoked; sign in again")
        return known.caller

    def revoke(self, family_id: str) -> None:
        """Forget every credential of a sign-in that is over."""
        self._revocations += 1
        self._known = {key: known for key, known in self._known.items() if known.caller.family_id != family_id}

    def revoke_runner(self, runner_id: str) -> None:
        """Forget every credential of a runner."""
        self._revocations += 1
        self._known = {key: known for key, known in self._known.items() if known.caller.runner_id != runner_id}

    async def _look_up(self, token_hash: str) -> _Known | None:
        before = self._revocations
        known = await self._session(token_hash) or await self._service(token_hash) or await self._host(token_hash)
        # A revocation during the look-up may concern this very session: then do not remember what was read.
        if known is not None and before == self._revocations:
            if len(self._known) >= _CACHED:
                self._known.clear()
            self._known[token_hash] = known
        return known

    async def _session(self, token_hash: str) -> _Known | None:
        session = await self._reader.one(sessions.by_access_hash(token_hash))
        if session is None or session.ended_time is not None:
            return None
        user = await self._reader.one(users.by_id(session.user_id))
        assert user is not None  # foreign key
        self._admission.check(user)
        caller = Caller(name=user.user_id, scopes=PERSON_SCOPES, user_id=user.user_id, family_id=session.family_id)
        return _Known(caller=caller, expire_time=session.access_expire_time)

    async def _service(self, token_hash: str) -> _Known | None:
        token = await self._reader.one(service_tokens.by_hash(token_hash))
        if token is None:
            return None
        caller = Caller(name=token.name, scopes=frozenset(token.scopes.split()), runner_id=token.runner_id)
        return _Known(caller=caller, expire_time=_FOR_EVER)

    async def _host(self, token_hash: str) -> _Known | None:
        """One that is to become a runner. Its join token may be used or expired: joining says so, in words."""
        token = await self._reader.one(join_tokens.by_hash(token_hash))
        if token is None:
            return None
        return _Known(Caller(name=token.join_token_id, scopes=frozenset({"join"})), expire_time=_FOR_EVER)


class CallGuard:
    """What happens around every call: a request id for the logs, then the credential, then the scope."""

    def __init__(self, authority: Authority, scopes: Mapping[str, str], ids: Ids) -> None:
        self._authority = authority
        self._scopes = scopes
        self._ids = ids

    @asynccontextmanager
    async def __call__(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
        """Raises Unauthenticated or Denied before the handler runs."""
        # Bound without being reset: each call has a task, and so a context, of its own.
        structlog.contextvars.bind_contextvars(request_id=_request_id(context) or self._ids.new("req"), method=method)
        if method not in OPEN:
            caller = await self._authority.resolve(bearer_token(context))
            structlog.contextvars.bind_contextvars(caller=caller.name)
            self._check_scope(method, caller)
            bind(caller)
        else:
            bind(_NOBODY)
        yield

    def _check_scope(self, method: str, caller: Caller) -> None:
        if method in ANY_CREDENTIAL:
            return
        scope = self._scopes.get(method)
        if not scope:
            raise Denied(f"{method} declares no scope; nobody may call it")
        if scope not in caller.scopes:
            raise Denied(f"{caller.name} does not hold the scope {scope} that {method} asks for")


def _request_id(context: grpc.aio.ServicerContext[Any, Any]) -> str | None:
    """The caller's own id of the request, where it is fit for a log."""
    for key, value in context.invocation_metadata() or ():
        if key == rpc.REQUEST_ID and isinstance(value, str) and _FIT.fullmatch(value):
            return value
    return None


def bearer_token(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """The token in the call's metadata. Raises Unauthenticated without one."""
    for key, value in context.invocation_metadata() or ():
        if key == "authorization" and isinstance(value, str) and value.startswith("Bearer "):
            return value.removeprefix("Bearer ")
    raise Unauthenticated('the call carries no credential; send "authorization: Bearer ..." with it')
