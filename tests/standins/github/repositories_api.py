"""REST: the signed-in person, their repositories, and branches."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from tests.standins.github.access import Access
from tests.standins.github.found_files import found_files
from tests.standins.github.git import git
from tests.standins.github.pages import page_of
from tests.standins.github.repositories import Repositories, Repository
from tests.standins.github.rest import addresses_of
from tests.standins.github.rest_errors import ApiError
from tests.standins.github.shapes import Json, branch_json, repository_json, user_json

_USER_DOCS = "/users/users#get-the-authenticated-user"
_LIST_DOCS = "/repos/repos#list-repositories-for-the-authenticated-user"
_REPOSITORY_DOCS = "/repos/repos#get-a-repository"
_BRANCH_DOCS = "/branches/branches#get-a-branch"
_COMMITS_DOCS = "/commits/commits#list-commits"


class RepositoriesApi:
    def __init__(self, repositories: Repositories, access: Access) -> None:
        self._repositories = repositories
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/user", self.get_user),
            web.get("/user/repos", self.list_repositories),
            web.get("/repos/{owner}/{name}", self.get_repository),
            web.get("/repos/{owner}/{name}/branches/{branch:.+}", self.get_branch),
            web.get("/repos/{owner}/{name}/commits", self.list_commits),
        ]

    async def get_user(self, request: web.Request) -> web.Response:
        return web.json_response(user_json(self._access.user(request, _USER_DOCS), addresses_of(request)))

    async def list_repositories(self, request: web.Request) -> web.Response:
        """Those on which the person has a right by name, by full name or by when they were last pushed to."""
        user = self._access.user(request, _LIST_DOCS)
        named = self._repositories.granted_to(user.login)
        seen = [repository for repository in named if self._access.right(request, repository)]
        shown, headers = page_of(_sorted(seen, request), request.url)
        return web.json_response([await self._rendered(request, each) for each in shown], headers=headers)

    async def get_repository(self, request: web.Request) -> web.Response:
        repository, _ = self._access.repository(request, _REPOSITORY_DOCS)
        return web.json_response(await self._rendered(request, repository))

    async def get_branch(self, request: web.Request) -> web.Response:
        repository, _ = self._access.repository(request, _BRANCH_DOCS)
        branch = request.match_info["branch"]
        commit = await repository.branch_commit(branch)
        if commit is None:
            raise ApiError(404, "Branch not found", docs=_BRANCH_DOCS)
        return web.json_response(branch_json(repository, branch, commit, addresses_of(request)))

    async def list_commits(self, request: web.Request) -> web.Response:
        """Those of the default branch, newest first."""
        repository, _ = self._access.repository(request, _COMMITS_DOCS)
        if await repository.branch_commit(repository.default_branch) is None:
            raise ApiError(409, "Git Repository is empty.", docs=_COMMITS_DOCS)
        branch = f"refs/heads/{repository.default_branch}"
        commits = (await git("rev-list", branch, directory=repository.directory)).split()
        shown, headers = page_of(commits, request.url)
        return web.json_response([{"sha": commit} for commit in shown], headers=headers)

    async def _rendered(self, request: web.Request, repository: Repository) -> Json:
        size_bytes = await asyncio.to_thread(_size_bytes, repository.directory)
        right = self._access.right(request, repository)
        return repository_json(repository, right, size_bytes // 1024, addresses_of(request))


def _sorted(repositories: Sequence[Repository], request: web.Request) -> Sequence[Repository]:
    """As `sort` and `direction` ask; what is sorted by full name begins with A, by a time with the newest."""
    if request.query.get("sort") == "pushed":
        descending = request.query.get("direction", "desc") == "desc"
        return sorted(repositories, key=lambda each: each.pushed, reverse=descending)
    return repositories if request.query.get("direction", "asc") == "asc" else list(reversed(repositories))


def _size_bytes(directory: Path) -> int:
    return sum(each.st_size for each in found_files(directory / "objects"))
