"""Calls to GitHub, and what its answers say; what goes wrong is renamed here."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import httpx2

from errand_common import handshake
from errand_common.errors import Unauthenticated, Unavailable

TIMEOUT = httpx2.Timeout(10.0, connect=5.0)
HEADERS = {
    "Accept": "application/vnd.github+json",
    "User-Agent": "errand",
    "X-GitHub-Api-Version": "2022-11-28",
}

# A limit on bursts may come with no header at all; then a minute is the least that GitHub wants to be left alone:
# https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
_SECONDARY_SAID = "secondary rate limit"
_SECONDARY_WAIT = timedelta(minutes=1)

Json = dict[str, object]
FieldT = TypeVar("FieldT", int, str)


class GitHubUnavailable(Unavailable):
    """GitHub does not answer, or asks for patience."""

    default_reason = "GITHUB_UNAVAILABLE"


class TokenRefused(Unauthenticated):
    """GitHub does not take the user's token, or no longer."""


@dataclass(frozen=True)
class Wire:
    """GitHub's API at one address. `refused` says what helps where a token is not taken."""

    client: httpx2.AsyncClient
    refused: str

    async def call(
        self,
        method: str,
        path: str,
        token: str,
        *,
        json: Json | None = None,
        params: dict[str, str] | None = None,
    ) -> httpx2.Response:
        """GitHub's answer, also a refusal. Raises GitHubUnavailable and TokenRefused."""
        headers = {"Authorization": f"Bearer {token}"}
        response = await self._answered(method, path, json=json, params=params, headers=headers)
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise TokenRefused(self.refused)
        return response

    async def post_form(self, url: str, fields: dict[str, str]) -> httpx2.Response:
        """The answer to a form at an address of GitHub's pages. Raises GitHubUnavailable."""
        return await self._answered("POST", url, data=fields, headers={"Accept": "application/json"})

    async def _answered(self, method: str, url: str, **what: object) -> httpx2.Response:
        try:
            response = await self.client.request(method, url, **what)  # type: ignore[arg-type]  # as above
        except httpx2.HTTPError as exc:
            found = await handshake.look_at_service(exc, str(self.client.base_url))
            raise GitHubUnavailable(f"GitHub does not answer ({found or type(exc).__name__}); try again") from exc
        if response.status_code >= 500 or _rate_limited(response):
            raise GitHubUnavailable(
                f"GitHub answered {response.status_code} ({refusal(response)}); try again",
                retry_after=_retry_after(response),
            )
        return response


def object_of(response: httpx2.Response, what: str) -> Json:
    """The JSON object of a good answer. Raises GitHubUnavailable."""
    body = _json(response, what)
    if not isinstance(body, dict):
        raise GitHubUnavailable(f"GitHub's answer to {what} is not an object; is ERRAND_GITHUB_API_URL right?")
    return body


def object_in(response: httpx2.Response) -> Json:
    """The JSON object of any answer, also a refusal; empty where it holds none."""
    try:
        body: object = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def list_of(response: httpx2.Response, what: str) -> list[Json]:
    """The JSON objects of a good answer. Raises GitHubUnavailable."""
    body = _json(response, what)
    if not isinstance(body, list) or not all(isinstance(each, dict) for each in body):
        raise GitHubUnavailable(f"GitHub's answer to {what} is not a list; is ERRAND_GITHUB_API_URL right?")
    return body


def field(body: Json, name: str, kind: type[FieldT]) -> FieldT:
    """What stands under a name. Raises GitHubUnavailable."""
    value = body.get(name)
    if not isinstance(value, kind):
        raise GitHubUnavailable(f'GitHub\'s answer has no "{name}"; is ERRAND_GITHUB_API_URL right?')
    return value


def refusal(response: httpx2.Response) -> str:
    """What GitHub says is wrong, shortened."""
    try:
        body = response.json()
    except ValueError:
        return "no reason given"
    if not isinstance(body, dict):
        return "no reason given"
    errors = body.get("errors")
    details = [str(each.get("message") or each.get("code")) for each in errors or [] if isinstance(each, dict)]
    return "; ".join([str(body.get("message", "no reason given")), *details])[:300]


def _json(response: httpx2.Response, what: str) -> object:
    """What a good answer holds; anything else is a GitHub that is not itself."""
    if not response.is_success:
        raise GitHubUnavailable(f"GitHub answered {response.status_code} when asked for {what}: {refusal(response)}")
    try:
        body: object = response.json()
    except ValueError as exc:
        raise GitHubUnavailable(f"GitHub's answer to {what} is not JSON; is ERRAND_GITHUB_API_URL right?") from exc
    return body


def _rate_limited(response: httpx2.Response) -> bool:
    """GitHub says so with 429, or with 403 and one of two headers, or in words."""
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        return True
    spent = response.headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in response.headers
    spent = spent or _SECONDARY_SAID in refusal(response).lower()
    return response.status_code == httpx2.codes.FORBIDDEN and spent


def _retry_after(response: httpx2.Response) -> timedelta | None:
    seconds = response.headers.get("Retry-After", "")
    if seconds.isdecimal():
        return timedelta(seconds=int(seconds))
    return _SECONDARY_WAIT if _SECONDARY_SAID in refusal(response).lower() else None
