"""GitHub's API, the only place that calls it: who a token belongs to, repositories, pull requests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar, cast

import httpx2

from errand_common.errors import Denied, Invalid, NotFound, Unauthenticated, Unavailable

_TIMEOUT = httpx2.Timeout(10.0, connect=5.0)
_HEADERS = {
    "Accept": "application/vnd.github+json",
    "User-Agent": "errand",
    "X-GitHub-Api-Version": "2022-11-28",
}

_Json = dict[str, object]
FieldT = TypeVar("FieldT", int, str)


class GitHubUnavailable(Unavailable):
    """GitHub does not answer, or asks for patience."""

    default_reason = "GITHUB_UNAVAILABLE"


class TokenRefused(Unauthenticated):
    """GitHub does not take the user's token any more."""


@dataclass(frozen=True)
class Account:
    """Who a token belongs to."""

    github_id: int
    username: str


@dataclass(frozen=True)
class Repository:
    """A repository as the token's owner sees it."""

    name: str
    default_branch: str
    may_push: bool


@dataclass(frozen=True)
class PullRequest:
    """A pull request."""

    url: str
    number: int


@dataclass(frozen=True)
class Proposal:
    """A pull request to be opened: from branch `head` to branch `base` of one repository."""

    repository: str
    head: str
    base: str
    title: str
    body: str


class GitHub:
    """Every call is made as the owner of the token that is passed.

    All raise GitHubUnavailable where GitHub does not answer, and TokenRefused for a token that it does not take.
    """

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def account(self, token: str) -> Account:
        """Who the token belongs to."""
        body = _object(await self._call("GET", "/user", token), "the signed-in user")
        return Account(github_id=_field(body, "id", int), username=_field(body, "login", str))

    async def repository(self, token: str, name: str) -> Repository:
        """The repository "owner/name". Raises NotFound where there is none that the user may see."""
        response = await self._call("GET", f"/repos/{name}", token)
        if response.status_code == httpx2.codes.NOT_FOUND:
            raise NotFound(f"GitHub knows no repository {name} that you may see; check the name and your rights")
        body = _object(response, f"the repository {name}")
        permissions = cast(_Json, body.get("permissions") or {})
        return Repository(
            name=_field(body, "full_name", str),
            default_branch=_field(body, "default_branch", str),
            may_push=permissions.get("push") is True and body.get("archived") is not True,
        )

    async def open_pull_request(self, token: str, proposal: Proposal) -> PullRequest:
        """Open the pull request, or find the one that is open for its branch.

        Raises Denied where the user may not, Invalid where GitHub refuses it as it is.
        """
        fields = {"title": proposal.title, "body": proposal.body, "head": proposal.head, "base": proposal.base}
        response = await self._call("POST", f"/repos/{proposal.repository}/pulls", token, json=fields)
        if response.status_code == httpx2.codes.UNPROCESSABLE_CONTENT:
            found = await self._find_pull_request(token, proposal)
            if found is None:
                raise Invalid(f"GitHub refuses the pull request: {_refusal(response)}")
            return found
        if response.status_code in (httpx2.codes.FORBIDDEN, httpx2.codes.NOT_FOUND):
            raise Denied(
                f"you may not open a pull request in {proposal.repository}: {_refusal(response)}",
                reason="NO_PUSH_RIGHT",
            )
        return _pull_request(_object(response, "the pull request"))

    async def _find_pull_request(self, token: str, proposal: Proposal) -> PullRequest | None:
        owner = proposal.repository.partition("/")[0]
        params = {"state": "open", "head": f"{owner}:{proposal.head}", "base": proposal.base}
        response = await self._call("GET", f"/repos/{proposal.repository}/pulls", token, params=params)
        if response.status_code != httpx2.codes.OK:
            return None
        try:
            found = cast(list[_Json], response.json())
        except ValueError as exc:
            raise GitHubUnavailable("GitHub's list of pull requests is not JSON; try again") from exc
        return _pull_request(found[0]) if found else None

    async def _call(
        self,
        method: str,
        path: str,
        token: str,
        *,
        json: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
    ) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"}
        try:
            response = await self._client.request(method, path, json=json, params=params, headers=headers)
        except httpx2.HTTPError as exc:
            raise GitHubUnavailable(f"GitHub does not answer ({type(exc).__name__}); try again") from exc
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise TokenRefused("GitHub no longer takes your sign-in; sign in again")
        if response.status_code >= 500 or _rate_limited(response):
            raise GitHubUnavailable(
                f"GitHub answered {response.status_code} ({_refusal(response)}); try again",
                retry_after=_retry_after(response),
            )
        return response


@asynccontextmanager
async def open_github(api_url: str) -> AsyncIterator[GitHub]:
    """GitHub at an address of its API; its connections are closed at the end."""
    async with httpx2.AsyncClient(
        base_url=api_url, headers=_HEADERS, timeout=_TIMEOUT, follow_redirects=True
    ) as client:
        yield GitHub(client)


def _object(response: httpx2.Response, what: str) -> _Json:
    """The JSON object of a good answer; anything else is a GitHub that is not itself."""
    if not response.is_success:
        raise GitHubUnavailable(f"GitHub answered {response.status_code} when asked for {what}: {_refusal(response)}")
    try:
        body = response.json()
    except ValueError as exc:
        raise GitHubUnavailable(f"GitHub's answer to {what} is not JSON; is ERRAND_GITHUB_API_URL right?") from exc
    if not isinstance(body, dict):
        raise GitHubUnavailable(f"GitHub's answer to {what} is not an object; is ERRAND_GITHUB_API_URL right?")
    return body


def _pull_request(body: _Json) -> PullRequest:
    return PullRequest(url=_field(body, "html_url", str), number=_field(body, "number", int))


def _field(body: _Json, name: str, kind: type[FieldT]) -> FieldT:
    value = body.get(name)
    if not isinstance(value, kind):
        raise GitHubUnavailable(f'GitHub\'s answer has no "{name}"; is ERRAND_GITHUB_API_URL right?')
    return value


def _rate_limited(response: httpx2.Response) -> bool:
    """GitHub says so with 429, or with 403 and one of two headers."""
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        return True
    spent = response.headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in response.headers
    return response.status_code == httpx2.codes.FORBIDDEN and spent


def _retry_after(response: httpx2.Response) -> timedelta | None:
    seconds = response.headers.get("Retry-After", "")
    return timedelta(seconds=int(seconds)) if seconds.isdecimal() else None


def _refusal(response: httpx2.Response) -> str:
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
