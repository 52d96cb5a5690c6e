"""Tokens for programs: who may make which, made and revoked."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from errand_common.credentials import hash_token
from errand_common.errors import Conflict, Denied, Invalid, NotFound
from errand_common.values import UserRole
from errand_scheduler.access.callers import SCHEDULER, Caller
from errand_scheduler.access.scopes import ADMIN, NOT_FOR_TOKENS, OF_PERSONS, ROLE_SCOPES, SCOPES, written
from errand_scheduler.access.telling import Telling
from errand_scheduler.store import service_tokens
from errand_scheduler.store.notices import TokenRevoked
from errand_scheduler.store.service_tokens import ServiceToken
from errand_scheduler.store.transaction import Tx

_NAME = re.compile(r"[a-z0-9-]{1,32}")
_OURS = frozenset({"gateway", "operator", SCHEDULER})


@dataclass(frozen=True)
class Wish:
    """A token as it is asked for: `user_id` is whom it acts for, unset for nobody."""

    name: str
    scopes: frozenset[str]
    user_id: str | None
    expire_time: int | None


@dataclass(frozen=True)
class Made:
    """A token, and its secret, in the clear."""

    token: ServiceToken
    secret: str

    def __repr__(self) -> str:
        return f"Made({self.token.name}, ***)"


def check(wish: Wish, by: Caller, *, now_us: int) -> None:
    """Raises Invalid for what no token may be, Denied for what this caller may not make."""
    if not _NAME.fullmatch(wish.name) or wish.name in _OURS:
        raise Invalid(
            f'"{wish.name[:64]}" is no name for a token: 1 to 32 of a-z, 0-9 and -, not {" or ".join(sorted(_OURS))}'
        )
    grantable = SCOPES - NOT_FOR_TOKENS
    if not wish.scopes or not wish.scopes <= grantable:
        wrong = f"{written(wish.scopes - grantable)} cannot be given" if wish.scopes else "scopes is empty"
        raise Invalid(f"{wrong}; a token's scopes are some of {written(grantable)}")
    if wish.expire_time is not None and wish.expire_time <= now_us:
        raise Invalid("expire_time is in the past; leave it out for a token that does not expire")
    if wish.user_id is None and wish.scopes & OF_PERSONS:
        raise Invalid(f"{written(wish.scopes & OF_PERSONS)} is about a person's own: name the user that it acts for")
    if ADMIN in by.scopes:
        return
    if wish.user_id is None or wish.user_id != by.user_id:
        raise Denied(f'without {ADMIN} a token is for yourself; give user_id "me", or ask an admin')
    if not wish.scopes <= by.scopes:
        raise Denied(f"you do not hold {written(wish.scopes - by.scopes)} yourself; leave it out, or ask an admin")


def check_role(scopes: Collection[str], role: UserRole) -> None:
    """Raises Invalid where a person of that role has less than a token of theirs should."""
    beyond = frozenset(scopes) - ROLE_SCOPES[role]
    if beyond:
        raise Invalid(f"whom it acts for is a {role}, whose tokens do not hold {written(beyond)}; leave it out")


def make(tx: Tx, wish: Wish, by: Caller, *, token_id: str, telling: Telling) -> Made:
    """A new token. Raises Conflict where its owner has a live one of that name."""
    if tx.one(service_tokens.alive_of_name(wish.name, user_id=wish.user_id, now_us=tx.now_us)) is not None:
        raise Conflict(f"there is a token {wish.name} already; revoke it, or choose another name")
    secret = telling.secret(_prefix(wish.user_id), token_id)
    service_tokens.insert(
        tx,
        ServiceToken(
            service_token_id=token_id,
            name=wish.name,
            token_hash=hash_token(secret),
            scopes=written(wish.scopes),
            user_id=wish.user_id,
            expire_time=wish.expire_time,
            made_by=by.name,
        ),
    )
    by.note(tx, "create_token", token_id)
    return Made(token=_kept(tx, token_id), secret=secret)


def tell_again(tx: Tx, token_id: str, telling: Telling) -> Made:
    """What a request made before. Raises Conflict where that is of no use to whoever asks."""
    token = _kept(tx, token_id)
    if token.revoked_time is not None:
        raise Conflict(f"this request made {token_id}, which was revoked since; ask for another under a new request id")
    return Made(token, telling.secret_again(_prefix(token.user_id), token_id, kept_hash=token.token_hash))


def revoke(tx: Tx, token_id: str, by: Caller) -> None:
    """Have a token be good for nothing from now on. Raises NotFound."""
    found = tx.one(service_tokens.by_id(token_id))
    if found is None or (ADMIN not in by.scopes and (by.user_id is None or found.user_id != by.user_id)):
        raise NotFound(f"there is no token {token_id} of yours")
    if found.revoked_time is not None:
        return
    service_tokens.revoke(tx, token_id)
    tx.notice(TokenRevoked(service_token_id=token_id))
    by.note(tx, "revoke_token", token_id)


def _prefix(user_id: str | None) -> str:
    return "eut" if user_id else "esv"


def _kept(tx: Tx, token_id: str) -> ServiceToken:
    kept = tx.one(service_tokens.by_id(token_id))
    assert kept is not None  # rows of tokens stay
    return kept
