"""GitHub's API, the only place that calls it: who a token belongs to, repositories, pull requests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar, cast

import httpx2

from errand_common import handshake
from errand_common.errors import Denied, Invalid, NotFound, Unauthenticated, Unavailable

_TIMEOUT = httpx2.Timeout(10.0, connect=5.0)
_HEADERS = {
    "Accept": "application/vnd.github+json",
    "User-Agent": "errand",
    "X-GitHub-Api-Version": "2022-11-28",
}

SIGN_IN_AGAIN = "GitHub no longer takes your sign-in; sign in again"
"""What is said of a refused token where people sign in with GitHub."""

_Json = dict[str, object]
FieldT = TypeVar("FieldT", int, str)


class GitHubUnavailable(Unavailable):
    """GitHub does not answer, or asks for patience."""

    default_reason = "GITHUB_UNAVAILABLE"


class TokenRefused(Unauthenticated):
    """GitHub does not take the user's token, or no longer."""


@dataclass(frozen=True)
class Account:
    """Who a token belongs to. `scopes` are the token's, unset where GitHub does not tell them."""

    github_id: int
    username: str
    scopes: frozenset[str] | None = None


@dataclass(frozen=True)
class Repository:
    """A repository as the token's owner sees it."""

    name: str
    default_branch: str
    private: bool
    may_push: bool
    archived: bool = False

    @property
    def push_refusal(self) -> str:
        """In words, why the user may not push; empty where they may."""
        if self.archived:
            return f"{self.name} is archived at GitHub, so nothing can be pushed to it; unarchive it there first"
        if not self.may_push:
            return f"you may not push to {self.name}; ask its owner for write access, or work on a fork of yours"
        return ""


@dataclass(frozen=True)
class RepositoryPage:
    """Some of the repositories that a token's owner sees, and whether there are more."""

    repositories: list[Repository]
    more: bool


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

    All raise GitHubUnavailable where GitHub does not answer, and TokenRefused, in the words of `refused`, for a token
    that it does not take.
    """

    def __init__(self, client: httpx2.AsyncClient, *, refused: str) -> None:
        self._client = client
        self._refused = refused

    async def account(self, token: str) -> Account:
        """Who the token belongs to."""
        response = await self._call("GET", "/user", token)
        body = _object(response, "the signed-in user")
        return Account(github_id=_field(body, "id", int), username=_field(body, "login", str), scopes=_scopes(response))

    async def repository(self, token: str, name: str) -> Repository:
        """The repository "owner/name". Raises NotFound where there is none that the user may see."""
        response = await self._call("GET", f"/repos/{name}", token)
        if response.status_code == httpx2.codes.NOT_FOUND:
            raise NotFound(f"GitHub knows no repository {name} that you may see; check the name and your rights")
        return _repository(_object(response, f"the repository {name}"))

    async def is_empty(self, token: str, name: str) -> bool:
        """Whether the repository has no commit yet, or GitHub is still making it."""
        response = await self._call("GET", f"/repos/{name}/commits", token, params={"per_page": "1"})
        # https://docs.github.com/rest/commits/commits#list-commits says "conflict" of it.
        return response.status_code == httpx2.codes.CONFLICT

    async def repositories(self, token: str, *, page: int, size: int) -> RepositoryPage:
        """Those that the user sees, the most recently pushed first; pages count from 1."""
        params = {"sort": "pushed", "direction": "desc", "per_page": str(size), "page": str(page)}
        response = await self._call("GET", "/user/repos", token, params=params)
        found = [_repository(each) for each in _list(response, "your repositories")]
        return RepositoryPage(repositories=found, more="next" in response.links)

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
        found = _list(response, "the list of pull requests")
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
            found = await handshake.look_at_service(exc, str(self._client.base_url))
            raise GitHubUnavailable(f"GitHub does not answer ({found or type(exc).__name__}); try again") from exc
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise TokenRefused(self._refused)
        if response.status_code >= 500 or _rate_limited(response):
            raise GitHubUnavailable(
                f"GitHub answered {response.status_code} ({_refusal(response)}); try again",
                retry_after=_retry_after(response),
            )
        return response


@asynccontextmanager
async def open_github(api_url: str, *, refused: str = SIGN_IN_AGAIN) -> AsyncIterator[GitHub]:
    """GitHub at an address of its API; its connections are closed at the end. `refused` says what helps a person
    whose token is refused."""
    async with httpx2.AsyncClient(
        base_url=api_url, headers=_HEADERS, timeout=_TIMEOUT, follow_redirects=True
    ) as client:
        yield GitHub(client, refused=refused)


def _object(response: httpx2.Response, what: str) -> _Json:
    """The JSON object of a good answer."""
    body = _json(response, what)
    if not isinstance(body, dict):
        raise GitHubUnavailable(f"GitHub's answer to {what} is not an object; is ERRAND_GITHUB_API_URL right?")
    return body


def _list(response: httpx2.Response, what: str) -> list[_Json]:
    """The JSON objects of a good answer."""
    body = _json(response, what)
    if not isinstance(body, list) or not all(isinstance(each, dict) for each in body):
        raise GitHubUnavailable(f"GitHub's answer to {what} is not a list; is ERRAND_GITHUB_API_URL right?")
    return body


def _json(response: httpx2.Response, what: str) -> object:
    """What a good answer holds; anything else is a GitHub that is not itself."""
    if not response.is_success:
        raise GitHubUnavailable(f"GitHub answered {response.status_code} when asked for {what}: {_refusal(response)}")
    try:
        body: object = response.json()
    except ValueError as exc:
        raise GitHubUnavailable(f"GitHub's answer to {what} is not JSON; is ERRAND_GITHUB_API_URL right?") from exc
    return body


def _repository(body: _Json) -> Repository:
    permissions = cast(_Json, body.get("permissions") or {})
    return Repository(
        name=_field(body, "full_name", str),
        default_branch=_field(body, "default_branch", str),
        private=body.get("private") is True,
        may_push=permissions.get("push") is True and body.get("archived") is not True,
        archived=body.get("archived") is True,
    )


def _scopes(response: httpx2.Response) -> frozenset[str] | None:
    """GitHub tells those of classic and OAuth tokens, and none of fine-grained ones."""
    told = response.headers.get("X-OAuth-Scopes", "")
    return frozenset(scope.strip() for scope in told.split(",")) if told.strip() else None


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
