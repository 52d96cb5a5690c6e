"""Calls to GitHub, and what its answers say; what goes wrong is renamed here."""

from dataclasses import dataclass
from typing import TypeVar

import httpx2

from errand_common import handshake
from errand_common.errors import Unauthenticated, Unavailable
from errand_scheduler.github import patience, redirects

TIMEOUT = httpx2.Timeout(10.0, connect=5.0)
HEADERS = {
    "Accept": "application/vnd.github+json",
    "User-Agent": "errand",
    "X-GitHub-Api-Version": "2022-11-28",
}

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
        """GitHub's answer, also a refusal; that of what was renamed is under another address, to which the same is
        sent: GitHub answers a question with 301, and what changes something with 307.

        Raises GitHubUnavailable and TokenRefused.
        """
        headers = {"Authorization": f"Bearer {token}"}
        response = await self._answered(method, path, json=json, params=params, headers=headers)
        for _ in range(redirects.MOST):
            if (address := self._moved_to(response)) is None:
                break
            asked = None if "?" in address else params
            response = await self._answered(method, address, json=json, params=asked, headers=headers)
        if response.is_redirect:
            raise GitHubUnavailable(f"GitHub sends {path} from one address to the next and answers at none; try again")
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise TokenRefused(self.refused)
        return response

    async def post_form(self, url: str, fields: dict[str, str]) -> httpx2.Response:
        """The answer to a form at an address of GitHub's pages. Raises GitHubUnavailable."""
        return await self._answered("POST", url, data=fields, headers={"Accept": "application/json"})

    def _moved_to(self, response: httpx2.Response) -> str | None:
        try:
            return redirects.moved_to(response, self.client.base_url)
        except redirects.Astray as exc:
            raise GitHubUnavailable(
                f"GitHub's API points to {exc}, where no token is sent; is ERRAND_GITHUB_API_URL right?"
            ) from exc

    async def _answered(self, method: str, url: str, **what: object) -> httpx2.Response:
        try:
            response = await self.client.request(method, url, **what)  # type: ignore[arg-type]  # as above
        except httpx2.HTTPError as exc:
            found = await handshake.look_at_service(exc, str(self.client.base_url))
            raise GitHubUnavailable(f"GitHub does not answer ({found or type(exc).__name__}); try again") from exc
        if response.status_code < 400:
            return response
        words = refusal(response)
        if response.status_code >= 500 or patience.limited(response, words):
            raise GitHubUnavailable(
                f"GitHub answered {response.status_code} ({words}); try again",
                retry_after=patience.wait(response, words),
            )
        return response


def has_moved(response: httpx2.Response, path: str) -> bool:
    """Whether the answer to a question about a repository came from another address than the one that was asked."""
    return not response.url.path.endswith(path)


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
