"""Sessions of people: made at sign-in, refreshed once per token, ended as a family."""

from dataclasses import dataclass

from errand_common.credentials import hash_token, new_token
from errand_scheduler.store import audit, sessions
from errand_scheduler.store.notices import SessionsEnded
from errand_scheduler.store.sessions import Session
from errand_scheduler.store.transaction import Tx

ACCESS_S = 3600
"""How long an access token lives."""
REFRESH_S = 60 * 24 * 3600
"""How long a refresh token lives."""


@dataclass(frozen=True)
class SessionTokens:
    """New tokens, in the clear: they are shown once and stored as hashes."""

    access: str
    refresh: str

    def __repr__(self) -> str:
        return "SessionTokens(***)"


def new_pair() -> SessionTokens:
    """Two fresh secrets."""
    return SessionTokens(access=new_token("ers"), refresh=new_token("err"))


def start(tx: Tx, pair: SessionTokens, *, session_id: str, family_id: str, user_id: str, client: str) -> None:
    """Store a session for a pair of tokens."""
    session = Session(
        session_id=session_id,
        family_id=family_id,
        user_id=user_id,
        client=client,
        access_hash=hash_token(pair.access),
        access_expire_time=tx.now_us + ACCESS_S * 1_000_000,
        refresh_hash=hash_token(pair.refresh),
        refresh_expire_time=tx.now_us + REFRESH_S * 1_000_000,
    )
    sessions.insert(tx, session)


def refresh(tx: Tx, refresh_token: str, pair: SessionTokens, *, session_id: str) -> bool:
    """Spend a refresh token for a new pair; false if it is not good. One that was spent already is stolen, or its
    answer was lost: either way the whole family ends."""
    old = tx.one(sessions.by_refresh_hash(hash_token(refresh_token)))
    if old is None or old.ended_time is not None or old.refresh_expire_time <= tx.now_us:
        return False
    if old.refreshed_time is not None:
        end(tx, old.family_id, caller=old.user_id, action="reuse_refresh_token")
        return False
    sessions.mark_refreshed(tx, old.session_id)
    start(tx, pair, session_id=session_id, family_id=old.family_id, user_id=old.user_id, client=old.client)
    audit.record(tx, caller=old.user_id, action="refresh_session", subject_id=session_id)
    return True


def end(tx: Tx, family_id: str, *, caller: str, action: str) -> None:
    """End every session of a sign-in, open streams included."""
    sessions.end_family(tx, family_id)
    tx.notice(SessionsEnded(family_id=family_id))
    audit.record(tx, caller=caller, action=action, subject_id=family_id)
