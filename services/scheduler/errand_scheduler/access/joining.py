"""Hosts become runners: a join token is used, once."""

from dataclasses import dataclass

from errand_common.clock import to_datetime
from errand_common.credentials import derived_token, hash_token
from errand_common.errors import Conflict, Unauthenticated
from errand_scheduler.store import audit, join_tokens, runners, service_tokens
from errand_scheduler.store.join_tokens import JoinToken
from errand_scheduler.store.runners import Runner
from errand_scheduler.store.service_tokens import ServiceToken
from errand_scheduler.store.transaction import Tx

_AGAIN = "make another with `errand runner token create`"
_MOST_NAMESAKES = 1000


@dataclass(frozen=True)
class NewIds:
    """What the new rows would be called."""

    runner_id: str
    service_token_id: str


def join(tx: Tx, *, secret: str, request_id: str, name: str, ids: NewIds) -> tuple[Runner, str]:
    """The runner that a token's secret makes, with its credential; the same again for the same request. Raises
    Unauthenticated where the token is not good, and Conflict where no name is left that resembles this one."""
    token = look(tx.one(join_tokens.by_hash(hash_token(secret))), now_us=tx.now_us, request_id=request_id)
    credential = _credential(secret, request_id)
    if token.runner_id is not None:
        return _runner(tx, token.runner_id), credential
    runners.insert(tx, Runner(runner_id=ids.runner_id, name=_free_name(tx, name), given_labels=token.labels))
    service_tokens.insert(
        tx,
        ServiceToken(
            service_token_id=ids.service_token_id,
            name=f"joined/{ids.runner_id}",
            token_hash=hash_token(credential),
            scopes="dispatch",
            runner_id=ids.runner_id,
        ),
    )
    join_tokens.spend(tx, token.join_token_id, request_id=request_id, runner_id=ids.runner_id)
    audit.record(tx, caller=token.join_token_id, action="join", subject_id=ids.runner_id)
    return _runner(tx, ids.runner_id), credential


def look(token: JoinToken | None, *, now_us: int, request_id: str = "") -> JoinToken:
    """The token, if this request may use it. Raises Unauthenticated, in words."""
    if token is None:
        raise Unauthenticated(f"this join token is not known here; {_AGAIN}")
    if token.revoked:
        raise Unauthenticated(f"this join token was revoked; {_AGAIN}")
    if token.request_id is not None and token.request_id != request_id:
        raise Unauthenticated(f"this join token was used already, for runner {token.runner_id}; {_AGAIN}")
    if token.expire_time <= now_us:
        raise Unauthenticated(
            f"this join token was good until {to_datetime(token.expire_time):%Y-%m-%d %H:%M} UTC; {_AGAIN}"
        )
    return token


def _credential(secret: str, request_id: str) -> str:
    """What the runner calls with. Made of what it alone knows beside the scheduler: so an answer that was lost can be
    given again, and nothing but a hash is stored."""
    return derived_token("ern", secret=secret, about=request_id)


def _free_name(tx: Tx, name: str) -> str:
    """The name, or with the lowest number that makes it nobody's."""
    for number in range(2, _MOST_NAMESAKES):
        if tx.one(runners.by_name(name)) is None:
            return name
        name = f"{name.rpartition('-')[0] if number > 2 else name[:28]}-{number}"
    raise Conflict(f"{_MOST_NAMESAKES} runners have such a name; choose another with --name")


def _runner(tx: Tx, runner_id: str) -> Runner:
    runner = tx.one(runners.by_id(runner_id))
    assert runner is not None  # foreign key
    return runner
