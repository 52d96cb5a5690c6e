"""GitHub as its app asks it: where the app is installed, tokens for one repository, and their end."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import cast

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from errand_common.errors import NotFound
from errand_scheduler.github import wire
from errand_scheduler.github.wire import GitHubUnavailable, Json, TokenRefused, Wire

# GitHub takes no assertion that is good for more than 10 minutes, and clocks differ.
_BACK_DATED_S = 60
_GOOD_FOR_S = 8 * 60

Permissions = Mapping[str, str]
"""What is granted: "read" or "write" by name, such as {"contents": "write"}."""


@dataclass(frozen=True)
class Installation:
    """The app on somebody's repositories. `page` is where its owner changes that."""

    installation_id: int
    permissions: Permissions
    page: str
    suspended: bool = False

    def lacks(self, wanted: Permissions) -> list[str]:
        """What is wanted and not granted, in words such as "contents: write"."""
        missing = []
        for name, level in wanted.items():
            granted = self.permissions.get(name)
            if granted != level and granted != "write":
                missing.append(f"{name}: {level}")
        return missing


@dataclass(frozen=True)
class InstallationToken:
    """What the app may give away. It is good for `lifetime_s` seconds from now."""

    value: str = field(repr=False)
    lifetime_s: float


class NotInstalled(NotFound):
    """The app is not on the repository, or no longer."""


class AppRefused(GitHubUnavailable):
    """GitHub does not take the app's assertion: the owner of this Errand must see to it."""


class GitHubApp:
    """Calls as the app. All raise GitHubUnavailable, and AppRefused for an assertion that is not taken."""

    def __init__(self, api: Wire, *, app_id: str, key: RSAKey, now_s: Callable[[], float] = time.time) -> None:
        self._wire = api
        self._app_id = app_id
        self._key = key
        self._now_s = now_s

    async def page(self) -> str:
        """The app's own page, from which it is installed."""
        response = await self._call("GET", "/app")
        return f"{wire.field(wire.object_of(response, 'this app'), 'html_url', str)}/installations/new"

    async def installation(self, repository: str) -> Installation:
        """Where the app is on "owner/name". Raises NotInstalled."""
        response = await self._call("GET", f"/repos/{repository}/installation")
        if response.status_code == httpx2.codes.NOT_FOUND:
            page = await self.page()
            raise NotInstalled(f"Errand's GitHub App is not installed on {repository}; its owner can do so at {page}")
        body = wire.object_of(response, f"the app's installation on {repository}")
        return Installation(
            installation_id=wire.field(body, "id", int),
            permissions=cast(Permissions, body.get("permissions") or {}),
            page=str(body.get("html_url") or "GitHub's settings, Applications"),
            suspended=body.get("suspended_at") is not None,
        )

    async def mint(self, installation: Installation, repository: str, permissions: Permissions) -> InstallationToken:
        """A token for this repository alone. Raises NotInstalled where the app may not, or not so much."""
        # By its name: the installation is its owner's, and a name is what was checked.
        wanted: Json = {"repositories": [repository.partition("/")[2]], "permissions": dict(permissions)}
        path = f"/app/installations/{installation.installation_id}/access_tokens"
        response = await self._call("POST", path, json=wanted)
        if response.status_code in (httpx2.codes.NOT_FOUND, httpx2.codes.UNPROCESSABLE_CONTENT):
            raise NotInstalled(
                f"GitHub gives Errand's app no token for {repository} ({wire.refusal(response)}); see to the app's "
                f"repositories and permissions at {installation.page}"
            )
        body = wire.object_of(response, f"a token for {repository}")
        return InstallationToken(
            value=wire.field(body, "token", str), lifetime_s=_lifetime_s(body, response.headers.get("Date", ""))
        )

    async def _call(self, method: str, path: str, *, json: Json | None = None) -> httpx2.Response:
        try:
            return await self._wire.call(method, path, self._assertion(), json=json)
        except TokenRefused as exc:
            raise AppRefused(
                f"GitHub does not take ERRAND_GITHUB_APP_ID {self._app_id} with the key in ERRAND_GITHUB_APP_KEY_FILE; "
                "the owner of this Errand must put them right, or this host's clock"
            ) from exc

    def _assertion(self) -> str:
        now_s = int(self._now_s())
        claims = {"iss": self._app_id, "iat": now_s - _BACK_DATED_S, "exp": now_s + _GOOD_FOR_S}
        return jwt.encode({"alg": "RS256"}, claims, self._key)


async def revoke(api: Wire, token: str) -> None:
    """End an installation's token; one that is over already is as good. Raises GitHubUnavailable."""
    try:
        response = await api.call("DELETE", "/installation/token", token)
    except TokenRefused:
        return
    if not response.is_success:
        raise GitHubUnavailable(f"GitHub does not revoke a token: {wire.refusal(response)}")


def read_key(pem: bytes) -> RSAKey:
    """An app's private key, as GitHub gives it. Raises ValueError."""
    try:
        key = RSAKey.import_key(pem)
    except (JoseError, ValueError) as exc:
        raise ValueError(f"it holds no RSA key in PEM form ({exc})") from exc
    if not key.is_private:
        raise ValueError("it holds a public key; the private one is what signs")
    return key


def _lifetime_s(body: Json, date: str) -> float:
    """By GitHub's own clock on both ends: ours may be wrong."""
    try:
        ends = datetime.fromisoformat(wire.field(body, "expires_at", str))
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        return (ends - now).total_seconds()
    except ValueError as exc:
        raise GitHubUnavailable("GitHub's token has no readable end; is ERRAND_GITHUB_API_URL right?") from exc
