"""Who is known: people, OAuth clients, and the codes and tokens handed out to them."""

import secrets
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.standins.github.clock import Clock

# GitHub's own: a code is dead ten minutes after the redirect.
CODE_LIFETIME = timedelta(minutes=10)
INSTALLATION_TOKEN_LIFETIME = timedelta(hours=1)
USER_TOKEN_LIFETIME = timedelta(hours=8)
REFRESH_TOKEN_LIFETIME = timedelta(days=184)

_TOKEN_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class User:
    id: int
    login: str
    created: datetime


@dataclass(frozen=True)
class Client:
    """A registered OAuth app, or what people sign in to a GitHub App with: its tokens expire, and scopes mean nothing.
    The first redirect address is the default."""

    id: str
    secret: str
    redirect_uris: tuple[str, ...]
    expiring: bool = False


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
class Reach:
    """What an installation's token reaches: repositories by full name in lower case."""

    installation_id: int
    repositories: frozenset[str]
    permissions: Mapping[str, str]


@dataclass(frozen=True)
class Token:
    """A person's has scopes, one that was got by signing in to a GitHub App its `client_id`, an installation's its
    `reach`."""

    value: str
    login: str
    scopes: tuple[str, ...] | None
    expires: datetime | None = None
    reach: Reach | None = None
    client_id: str = ""


@dataclass(frozen=True)
class Pair:
    """A token that expires, and what renews it, once."""

    token: Token
    refresh: str
    refresh_expires: datetime


class Accounts:
    """Owns users, clients, codes and tokens."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._users: dict[str, User] = {}
        self._members: dict[str, list[str]] = {}
        self._clients: dict[str, Client] = {}
        self._grants: dict[str, Grant] = {}
        self._live_tokens: dict[str, Token] = {}
        self._pairs: dict[str, Pair] = {}
        self._issued: list[str] = []

    def add_user(self, login: str) -> User:
        """Adds a person, or returns the one who is already there."""
        user = User(id=1001 + len(self._users), login=login, created=self._now())
        return self._users.setdefault(login.lower(), user)

    def add_member(self, organisation: str, login: str) -> None:
        """Has a person be in an organisation, which is made if need be."""
        self._members.setdefault(organisation, []).append(self._known(login))

    def remove_member(self, organisation: str, login: str) -> None:
        """Has a person leave it."""
        self._members[organisation].remove(self._known(login))

    def organisations_of(self, login: str) -> list[str]:
        return [name for name, members in self._members.items() if login in members]

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
        return self._keep(Token(value=f"gho_{_random(36)}", login=self._known(login), scopes=tuple(scopes)))

    def issue_app_token(self, login: str, reach: Reach, *, app_id: int) -> Token:
        """Long, and with signs that no token had before: nobody may rely on a length or on letters alone."""
        value = f"ghs_{app_id}_{_random(160)}.{_random(180)}-{_random(90)}"
        expires = self._now() + INSTALLATION_TOKEN_LIFETIME
        return self._keep(Token(value=value, login=login, scopes=None, expires=expires, reach=reach))

    def issue_pair(self, login: str, client_id: str) -> Pair:
        """For who signed in to a GitHub App."""
        expires = self._now() + USER_TOKEN_LIFETIME
        token = Token(
            value=f"ghu_{_random(36)}", login=self._known(login), scopes=None, expires=expires, client_id=client_id
        )
        pair = Pair(self._keep(token), f"ghr_{_random(76)}", self._now() + REFRESH_TOKEN_LIFETIME)
        self._pairs[pair.refresh] = pair
        self._issued.append(pair.refresh)
        return pair

    def renew(self, refresh: str, client: Client) -> Pair | None:
        """The next pair, once: from then on both tokens of the old one are dead. None for one that is not good."""
        pair = self._pairs.get(refresh)
        if pair is None or pair.token.client_id != client.id or pair.refresh_expires <= self._now():
            return None
        del self._pairs[refresh]
        self.revoke_token(pair.token.value)
        return self.issue_pair(pair.token.login, client.id)

    def revoke_token(self, value: str) -> None:
        """Ends a token at once; a second call changes nothing."""
        self._live_tokens.pop(value, None)

    def token(self, value: str) -> Token | None:
        """The token if it is live."""
        found = self._live_tokens.get(value)
        return None if found and found.expires and found.expires <= self._now() else found

    def live_tokens(self) -> list[Token]:
        return [each for each in self._live_tokens.values() if self.token(each.value)]

    def tokens_issued(self) -> list[str]:
        """Every token ever handed out, revoked ones too, oldest first."""
        return list(self._issued)

    def _known(self, login: str) -> str:
        if self.user(login) is None:
            raise ValueError(f"no user {login}; call add_user first")
        return login

    def _keep(self, token: Token) -> Token:
        self._live_tokens[token.value] = token
        self._issued.append(token.value)
        return token


def _random(characters: int) -> str:
    return "".join(secrets.choice(_TOKEN_ALPHABET) for _ in range(characters))
