"""Who may call what: the credential's owner is looked up, and must hold the scope that the method asks for."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Container, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
import structlog

from errand_common import rpc
from errand_common.clock import Clock
from errand_common.credentials import hash_token
from errand_common.errors import Denied, Exhausted, Unauthenticated
from errand_common.ids import Ids
from errand_scheduler.access.admission import Admission
from errand_scheduler.access.callers import Caller, bind
from errand_scheduler.access.open_calls import OpenCalls
from errand_scheduler.access.rates import Rates
from errand_scheduler.access.scopes import ROLE_SCOPES
from errand_scheduler.store import join_tokens, service_tokens, sessions, users
from errand_scheduler.store.notices import AccessChanged, RunnerRevoked, SessionsEnded, TokenRevoked
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.service_tokens import ServiceToken
from errand_scheduler.store.users import User

OPEN = frozenset({"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"})
"""Methods of gRPC's own that need no credential."""
ANY_CREDENTIAL = frozenset({"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"})
"""Methods of gRPC's own that any credential may call."""

_FIT = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NOBODY = Caller(name="nobody", scopes=frozenset())
MOST_OF_NOBODY = 64
"""Calls without a credential at once: until such a one ends, it may have a message of 4 MiB in memory."""
_CACHED = 10_000  # credentials remembered before starting over
_FOR_EVER = 2**63 - 1
_NO_SCOPE = ""
_COME_BACK = timedelta(seconds=5)
Change = SessionsEnded | TokenRevoked | RunnerRevoked | AccessChanged
"""What takes something away from credentials."""


@dataclass(frozen=True)
class _Known:
    caller: Caller
    expire_time: int


class Authority:
    """Resolves bearer tokens: an in-memory cache over hashed columns, emptied of what changes the moment it does."""

    def __init__(self, reader: Reader, clock: Clock, admission: Admission) -> None:
        self.open_calls = OpenCalls()
        self._reader = reader
        self._clock = clock
        self._admission = admission
        self._known: dict[str, _Known] = {}
        self._changes = 0

    async def resolve(self, token: str) -> Caller:
        """The credential's owner. Raises Unauthenticated, and Denied NOT_ADMITTED for a user who no longer is."""
        token_hash = hash_token(token)
        known = self._known.get(token_hash) or await self._look_up(token_hash)
        if known is None or known.expire_time <= self._clock.now_us():
            raise Unauthenticated("the credential is unknown, expired or revoked; sign in again, or ask for another")
        return known.caller

    def changed(self, change: Change) -> None:
        """Forget every credential that it is about, and cut the streams that it allows no more."""
        self._changes += 1
        concerns = _concerned_by(change)
        self._known = {key: known for key, known in self._known.items() if not concerns(known.caller)}
        self.open_calls.cut(concerns, _words(change), but=_left_by(change))

    @asynccontextmanager
    async def streaming(self, caller: Caller, scope: str) -> AsyncIterator[None]:
        """Around a stream. Raises Unauthenticated once the credential is revoked, expires, or lacks the scope."""
        left_s = None if caller.expire_time is None else (caller.expire_time - self._clock.now_us()) / 1e6
        expiry = asyncio.timeout(left_s)
        try:
            with self.open_calls.serving(caller, scope):
                async with expiry:
                    yield
        except TimeoutError as exc:
            if not expiry.expired():
                raise
            raise Unauthenticated("the token has expired; ask for another") from exc

    async def _look_up(self, token_hash: str) -> _Known | None:
        before = self._changes
        known = await self._session(token_hash) or await self._token(token_hash) or await self._host(token_hash)
        # A change during the look-up may concern this very credential: then do not remember what was read.
        if known is not None and before == self._changes:
            if len(self._known) >= _CACHED:
                self._known.clear()
            self._known[token_hash] = known
        return known

    async def _session(self, token_hash: str) -> _Known | None:
        session = await self._reader.one(sessions.by_access_hash(token_hash))
        if session is None or session.ended_time is not None:
            return None
        user, scopes = await self._person(session.user_id)
        caller = Caller(name=user.user_id, scopes=scopes, user_id=user.user_id, family_id=session.family_id)
        return _Known(caller=caller, expire_time=session.access_expire_time)

    async def _token(self, token_hash: str) -> _Known | None:
        token = await self._reader.one(service_tokens.by_hash(token_hash))
        if token is None:
            return None
        return _Known(caller=await self._caller_by(token), expire_time=token.expire_time or _FOR_EVER)

    async def _caller_by(self, token: ServiceToken) -> Caller:
        scopes = frozenset(token.scopes.split())
        if token.user_id is None:
            return Caller(
                name=token.name,
                scopes=scopes,
                token_id=token.service_token_id,
                runner_id=token.runner_id,
                expire_time=token.expire_time,
            )
        user, most = await self._person(token.user_id)
        return Caller(
            name=user.user_id,
            scopes=scopes & most,
            user_id=user.user_id,
            token_id=token.service_token_id,
            token_name=token.name,
            expire_time=token.expire_time,
        )

    async def _host(self, token_hash: str) -> _Known | None:
        """One that is to become a runner. Its join token may be used or expired: joining says so, in words."""
        token = await self._reader.one(join_tokens.by_hash(token_hash))
        if token is None:
            return None
        caller = Caller(name=token.join_token_id, scopes=frozenset({"join"}), token_id=token.join_token_id)
        return _Known(caller, expire_time=_FOR_EVER)

    async def _person(self, user_id: str) -> tuple[User, frozenset[str]]:
        """The user, with what their role holds. Raises Denied NOT_ADMITTED."""
        user = await self._reader.one(users.by_id(user_id))
        assert user is not None  # foreign key
        self._admission.check(user)
        return user, ROLE_SCOPES[self._admission.role(user)]


def _concerned_by(change: Change) -> Callable[[Caller], bool]:
    """Whose credential it is about."""
    match change:
        case SessionsEnded(family_id=family_id):
            return lambda caller: caller.family_id == family_id
        case TokenRevoked(service_token_id=token_id):
            return lambda caller: caller.token_id == token_id
        case RunnerRevoked(runner_id=runner_id):
            return lambda caller: caller.runner_id == runner_id
        case AccessChanged(user_id=user_id):
            return lambda caller: caller.user_id == user_id


def _words(change: Change) -> str:
    match change:
        case SessionsEnded():
            return "the session has ended; sign in again"
        case TokenRevoked() | RunnerRevoked():
            return "the credential was revoked; ask whoever runs this Errand for another"
        case AccessChanged(role=None):
            return "you are no longer admitted to this Errand; ask its owner"
        case AccessChanged():
            return "your role changed, and this is not in it any more; ask an admin of this Errand"


def _left_by(change: Change) -> frozenset[str]:
    """What whoever it concerns may go on with."""
    if isinstance(change, AccessChanged) and change.role is not None:
        return ROLE_SCOPES[change.role] | {_NO_SCOPE}
    return frozenset()


class CallGuard:
    """What happens around every call: a request id for the logs, then the credential, the scope, the rate."""

    def __init__(
        self, authority: Authority, rates: Rates, scopes: Mapping[str, str], streams: Container[str], ids: Ids
    ) -> None:
        self._authority = authority
        self._rates = rates
        self._scopes = scopes
        self._streams = streams
        self._ids = ids
        self._of_nobody = 0

    @asynccontextmanager
    async def __call__(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
        """Raises Unauthenticated, Denied or Exhausted before the handler runs, and Unauthenticated in a stream once the
        credential is good for it no more."""
        # Bound without being reset: each call has a task, and so a context, of its own.
        structlog.contextvars.bind_contextvars(request_id=_request_id(context) or self._ids.new("req"), method=method)
        if method in OPEN:
            with self._nobodys():
                yield
            return
        caller = await self._authority.resolve(bearer_token(context))
        structlog.contextvars.bind_contextvars(caller=caller.name)
        self._check_scope(method, caller)
        self._rates.take(caller)
        bind(caller)
        if method not in self._streams and method not in ANY_CREDENTIAL:
            yield
            return
        async with self._authority.streaming(caller, self._scopes.get(method, _NO_SCOPE)):
            yield

    @contextmanager
    def _nobodys(self) -> Iterator[None]:
        """Around a call without a credential. Raises Exhausted for one too many."""
        if self._of_nobody >= MOST_OF_NOBODY:
            raise Exhausted(f"{MOST_OF_NOBODY} call without a credential already, the most", retry_after=_COME_BACK)
        bind(_NOBODY)
        self._of_nobody += 1
        try:
            yield
        finally:
            self._of_nobody -= 1

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
