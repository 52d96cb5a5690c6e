"""Who is calling: resolved from the credential, never from the message."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from errand_common.errors import Denied
from errand_scheduler.store import audit
from errand_scheduler.store.transaction import Tx

SCHEDULER = "scheduler"
"""The caller in the audit log of what nobody asked for; no token has that name."""

Note = Callable[[Tx, str, str], None]
"""Writes into the audit log what is done to what, beside it: `note(tx, action, subject_id)`."""


@dataclass(frozen=True)
class Caller:
    """A credential's owner. `family_id` names a person's sign-in, `token_id` a token, which may act for a person too,
    and `runner_id` a runner. `token_name` and `expire_time` are a token's."""

    name: str
    scopes: frozenset[str]
    user_id: str | None = None
    family_id: str | None = None
    token_id: str | None = None
    token_name: str = ""
    runner_id: str | None = None
    expire_time: int | None = None

    def note(self, tx: Tx, action: str, subject_id: str) -> None:
        """Note in the audit log what this caller does."""
        audit.record(tx, caller=self.name, token_name=self.token_name, action=action, subject_id=subject_id)

    @property
    def credential_id(self) -> str:
        """What is revoked at once: a sign-in, or a token."""
        return self.family_id or self.token_id or ""


@dataclass(frozen=True)
class Person:
    """A caller who is a user. `family_id` is unset where they call by a token."""

    user_id: str
    family_id: str | None
    token_name: str


_current: ContextVar[Caller] = ContextVar("caller")


def bind(caller: Caller) -> None:
    """Note the caller for the rest of this call's task."""
    _current.set(caller)


def caller() -> Caller:
    """Who makes the call that is being served."""
    return _current.get()


def person() -> Person:
    """The calling user. Raises Denied for a service's credential."""
    found = caller()
    if found.user_id is None:
        raise Denied(f"{found.name} is not a person; use a session of a user's, or a token that acts for one")
    return Person(user_id=found.user_id, family_id=found.family_id, token_name=found.token_name)


def runner_id() -> str:
    """The calling runner. Raises Denied for any other credential."""
    found = caller()
    if found.runner_id is None:
        raise Denied(f"{found.name} is not a runner; use a runner's credential")
    return found.runner_id
