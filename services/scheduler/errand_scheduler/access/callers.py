"""Who is calling: resolved from the credential, never from the message."""

from contextvars import ContextVar
from dataclasses import dataclass

from errand_common.errors import Denied

PERSON_SCOPES = frozenset({"tasks:read", "tasks:write", "account:read", "account:write"})
"""What a signed-in person may do."""


@dataclass(frozen=True)
class Caller:
    """A credential's owner. `family_id` names a person's sign-in, `runner_id` a runner."""

    name: str
    scopes: frozenset[str]
    user_id: str | None = None
    family_id: str | None = None
    runner_id: str | None = None


@dataclass(frozen=True)
class Person:
    """A caller who is a signed-in user."""

    user_id: str
    family_id: str


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
    if found.user_id is None or found.family_id is None:
        raise Denied(f"{found.name} is not a person; use a session of a user's")
    return Person(user_id=found.user_id, family_id=found.family_id)


def runner_id() -> str:
    """The calling runner. Raises Denied for any other credential."""
    found = caller()
    if found.runner_id is None:
        raise Denied(f"{found.name} is not a runner; use a runner's credential")
    return found.runner_id
