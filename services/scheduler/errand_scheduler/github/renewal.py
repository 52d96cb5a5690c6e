"""User tokens that expire: a new pair for a refresh token, which GitHub takes once."""

from dataclasses import dataclass, field

from pydantic import SecretStr

from errand_scheduler.github import wire
from errand_scheduler.github.wire import GitHubUnavailable, Wire

_CLIENTS_FAULTS = ("incorrect_client_credentials", "unsupported_grant_type")


class RefreshRefused(Exception):
    """The refresh token is spent or expired: only signing in again helps."""


@dataclass(frozen=True)
class TokenPair:
    """A user token and what renews it. `lifetime_s` is how many seconds it is good from now; both are unset for one
    that does not expire."""

    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)
    lifetime_s: float | None = None


class Renewal:
    """Renews pairs of one app of GitHub's. `url` is where people sign in."""

    def __init__(self, api: Wire, *, url: str, client_id: str, client_secret: SecretStr) -> None:
        self._wire = api
        self._url = url
        self._client_id = client_id
        self._client_secret = client_secret

    async def renew(self, refresh_token: str) -> TokenPair:
        """The next pair; both tokens of the last are dead then, also where this answer is lost.

        Raises RefreshRefused, and GitHubUnavailable where the token may still be good.
        """
        response = await self._wire.post_form(
            f"{self._url}/login/oauth/access_token",
            {
                "client_id": self._client_id,
                "client_secret": self._client_secret.get_secret_value(),
                "grant_type": "refresh_token",
                "refresh_token": refresh_token,
            },
        )
        body = wire.object_of(response, "a new token")
        # Refusals come with 200 and an `error`.
        if error := body.get("error"):
            if error in _CLIENTS_FAULTS:
                raise GitHubUnavailable(
                    f"GitHub refuses this Errand's own app ({error}); its owner must put ERRAND_GITHUB_CLIENT_ID and "
                    "ERRAND_GITHUB_CLIENT_SECRET of the scheduler right"
                )
            raise RefreshRefused(str(error))
        return TokenPair(
            access=wire.field(body, "access_token", str),
            refresh=wire.field(body, "refresh_token", str),
            lifetime_s=float(wire.field(body, "expires_in", int)),
        )
