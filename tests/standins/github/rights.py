"""What a token may do with a repository."""

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


def right_of(token: Token | None, granted: Right, *, private: bool) -> Right:
    """The lesser of the person's right and the token's scopes; a public repository can be read by anyone."""
    floor = Right.NONE if private else Right.READ
    if token is None:
        return floor
    reach = "repo" in token.scopes or (not private and "public_repo" in token.scopes)
    return max(floor, granted) if reach else floor
