"""What operators ask of join tokens."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from errand.v1 import enrolment_service_pb2, runner_pb2
from errand.v1 import fleet_service_pb2 as pb
from errand_common import addresses, join_token, labels
from errand_common.clock import Clock
from errand_common.credentials import hash_token
from errand_common.errors import Conflict, Invalid, NotFound, Unauthenticated
from errand_common.ids import Ids
from errand_common.wire import timestamp
from errand_scheduler.access import joining
from errand_scheduler.access.callers import caller
from errand_scheduler.access.telling import Telling
from errand_scheduler.edges.idempotency import once, sent
from errand_scheduler.store import audit, join_tokens
from errand_scheduler.store.join_tokens import JoinToken
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer

_PREFIX = "ejt"
_GOOD_FOR = timedelta(hours=1)
_MOST = 100
"""Tokens that can be used at a time."""


class JoinTokensEdge:
    """The calls of FleetService about join tokens. `ca` is the file with the CA to trust, PEM."""

    def __init__(self, *, reader: Reader, writer: Writer, ids: Ids, clock: Clock, ca: Path) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = ids
        self._clock = clock
        self._ca = ca

    async def create(self, request: pb.CreateJoinTokenRequest, credential: str) -> pb.CreateJoinTokenResponse:
        """For who calls with `credential`. Raises Invalid, and Conflict where too many wait to be used, or where what
        the request made before is of no use."""
        by, telling = caller().name, Telling(credential, request.request_id)
        join_token_id = self._ids.new("jtk")
        secret = telling.secret(_PREFIX, join_token_id)
        token = JoinToken(
            join_token_id=join_token_id,
            token_hash=hash_token(secret),
            made_by=by,
            expire_time=self._clock.now_us() + int(_GOOD_FOR.total_seconds() * 1e6),
            labels=_labels(request),
        )
        scheduler = _scheduler(request)
        asked = sent(request, user_id=by, method="CreateJoinToken", request_id=request.request_id)
        made = await self._writer.write(
            lambda tx: once(
                tx,
                asked,
                do=lambda: _make(tx, token, secret),
                again=lambda made_id: _tell_again(tx, made_id, telling),
                id_of=lambda made: made.token.join_token_id,
            )
        )
        line = enrolment_service_pb2.JoinTokenContent(scheduler=scheduler, ca=self._ca_der(), secret=made.secret)
        return pb.CreateJoinTokenResponse(token=join_token.write(line), join_token=_shown(made.token))

    async def list(self) -> pb.ListJoinTokensResponse:
        """Those that can be used."""
        found = await self._reader.all(join_tokens.good(now_us=self._clock.now_us()))
        return pb.ListJoinTokensResponse(join_tokens=[_shown(each) for each in found])

    async def revoke(self, request: pb.RevokeJoinTokenRequest) -> pb.RevokeJoinTokenResponse:
        """Raises NotFound."""
        name = caller().name

        def revoke(tx: Tx) -> None:
            token = tx.one(join_tokens.by_id(request.join_token_id))
            if token is None:
                raise NotFound(f'there is no join token "{request.join_token_id[:64]}"; ListJoinTokens names all')
            if not token.revoked:
                join_tokens.revoke(tx, token.join_token_id)
                audit.record(tx, caller=name, action="revoke_join_token", subject_id=token.join_token_id)

        await self._writer.write(revoke)
        return pb.RevokeJoinTokenResponse()

    def _ca_der(self) -> bytes:
        return x509.load_pem_x509_certificate(self._ca.read_bytes()).public_bytes(Encoding.DER)


@dataclass(frozen=True)
class _Made:
    token: JoinToken
    secret: str

    def __repr__(self) -> str:
        return f"_Made({self.token.join_token_id}, ***)"


def _make(tx: Tx, token: JoinToken, secret: str) -> _Made:
    """Raises Conflict."""
    if len(tx.all(join_tokens.good(now_us=tx.now_us))) >= _MOST:
        raise Conflict(f"{_MOST} join tokens wait to be used; use or revoke some first")
    join_tokens.insert(tx, token)
    audit.record(tx, caller=token.made_by, action="create_join_token", subject_id=token.join_token_id)
    return _Made(token, secret)


def _tell_again(tx: Tx, join_token_id: str, telling: Telling) -> _Made:
    """What a request made before, while it can be used. Raises Conflict."""
    known = tx.one(join_tokens.by_id(join_token_id))
    try:
        token = joining.look(known, now_us=tx.now_us)
    except Unauthenticated as exc:
        raise Conflict(f"this request made {join_token_id}: {exc.message}") from exc
    return _Made(token, telling.secret_again(_PREFIX, join_token_id, kept_hash=token.token_hash))


def _labels(request: pb.CreateJoinTokenRequest) -> dict[str, str]:
    try:
        given = labels.check(request.labels)
        labels.check({**given, labels.MODEL_KEY: labels.YES})
    except ValueError as exc:
        raise Invalid(str(exc)) from exc
    if labels.MODEL_KEY in given:
        raise Invalid(f"every runner says {labels.MODEL_KEY} by itself; leave it out")
    return given


def _scheduler(request: pb.CreateJoinTokenRequest) -> str:
    try:
        return addresses.dialled(request.scheduler)
    except ValueError as exc:
        raise Invalid(f"scheduler: {exc}") from exc


def _shown(token: JoinToken) -> runner_pb2.JoinToken:
    return runner_pb2.JoinToken(
        join_token_id=token.join_token_id,
        labels=token.labels,
        made_by=token.made_by,
        expire_time=timestamp(token.expire_time),
    )
