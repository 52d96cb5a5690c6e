"""Users: people known by their GitHub account."""

import sqlite3
from dataclasses import dataclass

from errand_common.values import UserRole
from errand_scheduler.store.paging import Place
from errand_scheduler.store.query import Query, number
from errand_scheduler.store.transaction import Tx

_SELECT = """
    SELECT user_id, github_id, github_username, role, admitted_time, disallowed_time, organisation, created_time
    FROM users
"""
_MOST_SEALED = 100


@dataclass(frozen=True)
class User:
    """A person. The sealed token is asked for by itself.

    `admitted_time` is unset for those whom only the owner's list or their `organisation` admits; `disallowed_time` is
    set for those who are out all the same.
    """

    user_id: str
    github_id: int
    github_username: str
    created_time: int
    admitted_time: int | None = None
    role: UserRole = UserRole.MEMBER
    disallowed_time: int | None = None
    organisation: str = ""


@dataclass(frozen=True)
class SealedToken:
    """A user's GitHub token as the vault sealed it."""

    user_id: str
    sealed: str


@dataclass(frozen=True)
class SealedPair:
    """The same with what renews it, both sealed; `expire_time` is unset for a token that does not expire."""

    token: str
    refresh_token: str | None = None
    expire_time: int | None = None


def by_id(user_id: str) -> Query[User]:
    """The user."""
    return Query(f"{_SELECT} WHERE user_id = :user_id", _user, {"user_id": user_id})


def by_github_id(github_id: int) -> Query[User]:
    """The user of a GitHub account."""
    return Query(f"{_SELECT} WHERE github_id = :github_id", _user, {"github_id": github_id})


def by_github_username(github_username: str) -> Query[User]:
    """The users whose account had that name when they last signed in: those who came last first."""
    return Query(
        f"{_SELECT} WHERE github_username = :name COLLATE NOCASE ORDER BY created_time DESC, user_id DESC",
        _user,
        {"name": github_username},
    )


def of_organisation(organisation: str) -> Query[User]:
    """The users who are in by an organisation alone."""
    return Query(
        f"{_SELECT} WHERE organisation = :organisation COLLATE NOCASE AND admitted_time IS NULL",
        _user,
        {"organisation": organisation},
    )


def by_organisation_alone() -> Query[User]:
    """The users who are in by an organisation, and by nothing else that is kept with them."""
    return Query(
        f"""
        {_SELECT} WHERE organisation != '' AND admitted_time IS NULL AND disallowed_time IS NULL ORDER BY user_id
        """,
        _user,
    )


def page(*, after: Place, limit: int) -> Query[User]:
    """Users, newest first."""
    return Query(
        f"""
        {_SELECT} WHERE (created_time, user_id) < (:time, :key)
        ORDER BY created_time DESC, user_id DESC LIMIT :limit
        """,
        _user,
        {"time": after.time_us, "key": after.key, "limit": limit},
    )


def admins() -> Query[int]:
    """How many admins there are who are not shut out."""
    return Query("SELECT count(*) FROM users WHERE role = 'admin' AND disallowed_time IS NULL", number)


def set_access(tx: Tx, user: User) -> None:
    """Keep the role of a user who is there, and by what they are in or out."""
    tx.run(
        """
        UPDATE users
        SET role = :role, admitted_time = :admitted_time, disallowed_time = :disallowed_time,
            organisation = :organisation
        WHERE user_id = :user_id
        """,
        {
            "user_id": user.user_id,
            "role": user.role,
            "admitted_time": user.admitted_time,
            "disallowed_time": user.disallowed_time,
            "organisation": user.organisation,
        },
    )


def sealed_pair(user_id: str) -> Query[SealedPair]:
    """The user's GitHub token as the vault sealed it."""
    return Query(
        """
        SELECT sealed_github_token, sealed_github_refresh_token, github_token_expire_time
        FROM users WHERE user_id = :user_id
        """,
        lambda row: SealedPair(
            token=row["sealed_github_token"],
            refresh_token=row["sealed_github_refresh_token"],
            expire_time=row["github_token_expire_time"],
        ),
        {"user_id": user_id},
    )


def replace_pair(tx: Tx, user_id: str, pair: SealedPair, *, spent: str) -> bool:
    """Keep the next pair in place of the one whose sealed refresh token was spent; false where a sign-in has brought
    another meanwhile."""
    changed = tx.run(
        """
        UPDATE users
        SET sealed_github_token = :token, sealed_github_refresh_token = :refresh_token,
            github_token_expire_time = :expire_time
        WHERE user_id = :user_id AND sealed_github_refresh_token = :spent
        """,
        {
            "user_id": user_id,
            "token": pair.token,
            "refresh_token": pair.refresh_token,
            "expire_time": pair.expire_time,
            "spent": spent,
        },
    )
    return changed == 1


def admitted_tokens() -> Query[SealedToken]:
    """The GitHub tokens of those who were admitted one by one: the last hundred."""
    return Query(
        """
        SELECT user_id, sealed_github_token FROM users WHERE admitted_time IS NOT NULL
        ORDER BY admitted_time DESC LIMIT :most
        """,
        lambda row: SealedToken(user_id=row["user_id"], sealed=row["sealed_github_token"]),
        {"most": _MOST_SEALED},
    )


def upsert(tx: Tx, user: User, pair: SealedPair) -> None:
    """Store a new user, or the new name, token, role and admission of one who is there."""
    tx.run(
        """
        INSERT INTO users (
            user_id, github_id, github_username, sealed_github_token, sealed_github_refresh_token,
            github_token_expire_time, created_time
        )
        VALUES (:user_id, :github_id, :github_username, :token, :refresh_token, :expire_time, :created_time)
        ON CONFLICT (user_id)
        DO UPDATE SET
            github_username = :github_username, sealed_github_token = :token,
            sealed_github_refresh_token = :refresh_token, github_token_expire_time = :expire_time
        """,
        {
            "user_id": user.user_id,
            "github_id": user.github_id,
            "github_username": user.github_username,
            "token": pair.token,
            "refresh_token": pair.refresh_token,
            "expire_time": pair.expire_time,
            "created_time": user.created_time,
        },
    )
    set_access(tx, user)


def _user(row: sqlite3.Row) -> User:
    return User(
        user_id=row["user_id"],
        github_id=row["github_id"],
        github_username=row["github_username"],
        created_time=row["created_time"],
        admitted_time=row["admitted_time"],
        role=UserRole(row["role"]),
        disallowed_time=row["disallowed_time"],
        organisation=row["organisation"],
    )
