"""GitHub as a person asks it: who a token belongs to, repositories, pull requests."""

from dataclasses import dataclass, replace
from typing import cast

import httpx2

from errand_common.errors import NotFound
from errand_scheduler.github import pull_requests, wire
from errand_scheduler.github.pull_requests import Proposal, PullRequest
from errand_scheduler.github.wire import Json, Wire


@dataclass(frozen=True)
class Account:
    """Who a token belongs to. `scopes` are the token's, unset where GitHub does not tell them."""

    github_id: int
    username: str
    scopes: frozenset[str] | None = None


@dataclass(frozen=True)
class Organisations:
    """Those that a token's owner is in. Not `whole`: the token may not see them, or there are more."""

    names: list[str]
    whole: bool


@dataclass(frozen=True)
class Repository:
    """A repository as the token's owner sees it. `scopes` are the token's, as in Account."""

    name: str
    default_branch: str
    private: bool
    may_push: bool
    archived: bool = False
    scopes: frozenset[str] | None = None

    @property
    def push_refusal(self) -> str:
        """In words, why the user may not push; empty where they may."""
        if self.archived:
            return f"{self.name} is archived at GitHub, so nothing can be pushed to it; unarchive it there first"
        if not self.may_push:
            return f"you may not push to {self.name}; ask its owner for write access, or work on a fork of yours"
        return ""

    @property
    def scope_refusal(self) -> str:
        """In words, what scope the token lacks for a push; empty where it lacks none, or GitHub does not tell."""
        if self.scopes is None or "repo" in self.scopes or (not self.private and "public_repo" in self.scopes):
            return ""
        return f"your GitHub token may read {self.name} and lacks the scope repo, without which it may not push"

    @property
    def may_push_workflows(self) -> bool:
        """Whether a push may change `.github/workflows`; yes where GitHub does not tell."""
        return self.scopes is None or "workflow" in self.scopes


@dataclass(frozen=True)
class RepositoryPage:
    """Some of the repositories that a token's owner sees, and whether there are more."""

    repositories: list[Repository]
    more: bool


class GitHub:
    """Every call is made as the owner of the token that is passed.

    All raise GitHubUnavailable where GitHub does not answer, and TokenRefused, in the words of `refused`, for a token
    that it does not take.
    """

    def __init__(self, api: Wire) -> None:
        self._wire = api

    async def account(self, token: str) -> Account:
        """Who the token belongs to."""
        response = await self._wire.call("GET", "/user", token)
        body = wire.object_of(response, "the signed-in user")
        github_id, username = wire.field(body, "id", int), wire.field(body, "login", str)
        return Account(github_id=github_id, username=username, scopes=_scopes(response))

    async def organisations(self, token: str) -> Organisations:
        """The organisations that the token's owner is in, as far as the token may see them: a hundred at most."""
        response = await self._wire.call("GET", "/user/orgs", token, params={"per_page": "100"})
        if response.status_code == httpx2.codes.FORBIDDEN:
            # A token without the scope read:org; who is in by name alone has no use for it.
            return Organisations([], whole=False)
        names = [wire.field(each, "login", str) for each in wire.list_of(response, "your organisations")]
        return Organisations(names, whole="next" not in response.links)

    async def repository(self, token: str, name: str) -> Repository:
        """The repository "owner/name", under the name that it has now. Raises NotFound where there is none that the
        user may see, or GitHub shows it to nobody."""
        response = await self._wire.call("GET", f"/repos/{name}", token)
        if response.status_code == httpx2.codes.NOT_FOUND:
            raise NotFound(f"GitHub knows no repository {name} that you may see; check the name and your rights")
        if response.status_code == httpx2.codes.GONE:
            raise NotFound(f"{name} was removed from GitHub for good ({wire.refusal(response)}); work on another one")
        if response.status_code == httpx2.codes.UNAVAILABLE_FOR_LEGAL_REASONS or _is_blocked(response):
            raise NotFound(
                f"GitHub has blocked {name} ({wire.refusal(response)}); its owner must settle that with GitHub"
            )
        return replace(_repository(wire.object_of(response, f"the repository {name}")), scopes=_scopes(response))

    async def is_empty(self, token: str, name: str) -> bool:
        """Whether the repository has no commit yet, or GitHub is still making it."""
        response = await self._wire.call("GET", f"/repos/{name}/commits", token, params={"per_page": "1"})
        # https://docs.github.com/rest/commits/commits#list-commits says "conflict" of it.
        return response.status_code == httpx2.codes.CONFLICT

    async def repositories(self, token: str, *, page: int, size: int) -> RepositoryPage:
        """Those that the user sees, the most recently pushed first; pages count from 1."""
        params = {"sort": "pushed", "direction": "desc", "per_page": str(size), "page": str(page)}
        response = await self._wire.call("GET", "/user/repos", token, params=params)
        found = [_repository(each) for each in wire.list_of(response, "your repositories")]
        return RepositoryPage(repositories=found, more="next" in response.links)

    async def settle_pull_request(self, token: str, proposal: Proposal) -> PullRequest:
        """See that there is an open one, with the words that are wanted. Raises as pull_requests does."""
        return await pull_requests.settle(self._wire, token, proposal)


def _repository(body: Json) -> Repository:
    permissions = cast(Json, body.get("permissions") or {})
    return Repository(
        name=wire.field(body, "full_name", str),
        default_branch=wire.field(body, "default_branch", str),
        private=body.get("private") is True,
        may_push=permissions.get("push") is True and body.get("archived") is not True,
        archived=body.get("archived") is True,
    )


def _is_blocked(response: httpx2.Response) -> bool:
    """With 403 where its terms were broken, and not the law."""
    return response.status_code == httpx2.codes.FORBIDDEN and "access blocked" in wire.refusal(response).lower()


def _scopes(response: httpx2.Response) -> frozenset[str] | None:
    """GitHub tells those of classic and OAuth tokens, and none of fine-grained ones."""
    told = response.headers.get("X-OAuth-Scopes", "")
    return frozenset(scope.strip() for scope in told.split(",")) if told.strip() else None
