"""What a token may do with a repository."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Literal

from tests.standins.github.accounts import Token

RightName = Literal["read", "push", "admin"]


class Right(IntEnum):
    """Each includes the ones before it."""

    NONE = 0
    READ = 1
    PUSH = 2
    ADMIN = 3


def right_of(token: Token | None, granted: Right, *, private: bool, behind: Mapping[str, str]) -> Right:
    """The lesser of what the caller and what the token may do; a public repository can be read by anyone.

    `granted` is the person's own right, `behind` the permissions of the app that stands behind the token.
    """
    floor = Right.NONE if private else Right.READ
    if token is None:
        return floor
    if token.reach is not None:
        return max(floor, _of_app(behind))
    if token.scopes is None:
        return max(floor, min(granted, _of_app(behind)))
    reach = "repo" in token.scopes or (not private and "public_repo" in token.scopes)
    return max(floor, granted) if reach else floor


def _of_app(permissions: Mapping[str, str]) -> Right:
    return {"write": Right.PUSH, "read": Right.READ}.get(permissions.get("contents", ""), Right.NONE)
