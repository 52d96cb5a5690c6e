"""Who may use this Errand."""

from collections.abc import Collection
from typing import Protocol

from errand_common.errors import Denied
from errand_common.values import UserRole
from errand_scheduler.store.users import User


class Admission(Protocol):
    """Judges users; asked for every credential that is looked up, and before a user's GitHub token is used."""

    def check(self, user: User) -> None:
        """Raises Denied NOT_ADMITTED, or Unavailable where it cannot be known yet."""

    def role(self, user: User) -> UserRole:
        """What one who is admitted may do."""


class Listed:
    """Those whom the owner named, those whom a sign-in link or an admin let in, and those of organisations that an
    admin let in; but for whom an admin shut out."""

    def __init__(self, github_usernames: Collection[str]) -> None:
        self._names = frozenset(name.lower() for name in github_usernames)

    def check(self, user: User) -> None:
        """Raises Denied NOT_ADMITTED."""
        if user.disallowed_time is not None:
            raise shut_out(user.github_username)
        if user.admitted_time is None and not user.organisation and not self.names(user.github_username):
            raise not_admitted(user.github_username)

    def role(self, user: User) -> UserRole:
        """As it was given."""
        return user.role

    def names(self, github_username: str) -> bool:
        """Whether the owner named this account."""
        return github_username.lower() in self._names

    @property
    def named(self) -> list[str]:
        """The accounts that the owner named, in lower case, sorted."""
        return sorted(self._names)


def not_admitted(github_username: str) -> Denied:
    """The refusal, and what helps."""
    return Denied(
        f"{github_username} is not admitted to this Errand; ask its owner for a sign-in link, or to be let in by name",
        reason="NOT_ADMITTED",
    )


def shut_out(github_username: str) -> Denied:
    """The same for one whom an admin shut out."""
    return Denied(
        f"{github_username} was shut out of this Errand; only an admin of it can let them in again",
        reason="NOT_ADMITTED",
    )
