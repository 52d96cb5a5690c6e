"""Who is known: people, OAuth clients, and the codes and tokens handed out to them."""

import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.standins.github.clock import Clock

# GitHub's own: a code is dead ten minutes after the redirect.
CODE_LIFETIME = timedelta(minutes=10)

_TOKEN_ALPHABET = string.ascii_letters + string.digits
_TOKEN_RANDOM_CHARACTERS = 36


@dataclass(frozen=True)
class User:
    id: int
    login: str
    created: datetime


@dataclass(frozen=True)
class Client:
    """A registered OAuth app. The first redirect address is the default."""

    id: str
    secret: str
    redirect_uris: tuple[str, ...]


@dataclass(frozen=True)
class Grant:
    """What a person consented to; a code stands for it until it is spent."""

    client_id: str
    login: str
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str | None
    expires: datetime


@dataclass(frozen=True)
class Token:
    value: str
    login: str
    scopes: tuple[str, ...]


class Accounts:
    """Owns users, clients, codes and tokens."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._users: dict[str, User] = {}
        self._clients: dict[str, Client] = {}
        self._grants: dict[str, Grant] = {}
        self._live_tokens: dict[str, Token] = {}
        self._issued: list[str] = []

    def add_user(self, login: str) -> User:
        """Adds a person, or returns the one who is already there."""
        user = User(id=1001 + len(self._users), login=login, created=self._now())
        return self._users.setdefault(login.lower(), user)

    def add_client(self, client: Client) -> None:
        if not client.redirect_uris:
            raise ValueError(f"client {client.id} has no redirect address; give at least one")
        self._clients[client.id] = client

    def user(self, login: str) -> User | None:
        return self._users.get(login.lower())

    def users(self) -> list[User]:
        return list(self._users.values())

    def client(self, client_id: str) -> Client | None:
        return self._clients.get(client_id)

    def open_grant(
        self, client: Client, *, login: str, scopes: Iterable[str], redirect_uri: str, challenge: str | None
    ) -> str:
        """Returns the code to send to the client."""
        code = secrets.token_hex(10)
        self._grants[code] = Grant(
            client_id=client.id,
            login=login,
            scopes=tuple(scopes),
            redirect_uri=redirect_uri,
            challenge=challenge,
            expires=self._now() + CODE_LIFETIME,
        )
        return code

    def spend_code(self, code: str, client: Client) -> Grant | None:
        """Takes the grant behind a code, once; None when there is none, it expired, or it is another client's."""
        grant = self._grants.get(code)
        if grant is None or grant.client_id != client.id:
            return None
        del self._grants[code]
        return grant if self._now() < grant.expires else None

    def issue_token(self, login: str, scopes: Iterable[str]) -> Token:
        if self.user(login) is None:
            raise ValueError(f"no user {login}; call add_user first")
        value = "gho_" + "".join(secrets.choice(_TOKEN_ALPHABET) for _ in range(_TOKEN_RANDOM_CHARACTERS))
        token = Token(value=value, login=login, scopes=tuple(scopes))
        self._live_tokens[value] = token
        self._issued.append(value)
        return token

    def revoke_token(self, value: str) -> None:
        """Ends a token at once; a second call changes nothing."""
        self._live_tokens.pop(value, None)

    def token(self, value: str) -> Token | None:
        """The token if it is live."""
        return self._live_tokens.get(value)

    def tokens_issued(self) -> list[str]:
        """Every token ever handed out, revoked ones too, oldest first."""
        return list(self._issued)
