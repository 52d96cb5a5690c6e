"""Who may use this Errand."""

from collections.abc import Collection
from typing import Protocol

from errand_common.errors import Denied
from errand_scheduler.store.users import User


class Admission(Protocol):
    """Judges users; asked for every credential that is looked up, and before a user's GitHub token is used."""

    def check(self, user: User) -> None:
        """Raises Denied NOT_ADMITTED, or Unavailable where it cannot be known yet."""


class Listed:
    """Those whom the owner named, and those whom a sign-in link admitted."""

    def __init__(self, github_usernames: Collection[str]) -> None:
        self._names = frozenset(name.lower() for name in github_usernames)

    def check(self, user: User) -> None:
        """Raises Denied NOT_ADMITTED."""
        if user.admitted_time is None and not self.names(user.github_username):
            raise not_admitted(user.github_username)

    def names(self, github_username: str) -> bool:
        """Whether the owner named this account."""
        return github_username.lower() in self._names


def not_admitted(github_username: str) -> Denied:
    """The refusal, and what helps."""
    return Denied(
        f"{github_username} is not admitted to this Errand; ask its owner for a sign-in link, "
        "or to be named in ERRAND_ALLOWED_USERS",
        reason="NOT_ADMITTED",
    )
