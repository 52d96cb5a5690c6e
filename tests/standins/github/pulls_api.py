"""REST: pull requests within one repository."""

from aiohttp import web

from tests.standins.github.access import Access
from tests.standins.github.comparison import compare
from tests.standins.github.pages import page_of
from tests.standins.github.pull_inputs import (
    CREATE_DOCS,
    LIST_DOCS,
    UPDATE_DOCS,
    NewPull,
    PullChange,
    PullFilter,
    invalid,
)
from tests.standins.github.pulls import AlreadyOpen, PullRequest, PullRequests
from tests.standins.github.repositories import Repository
from tests.standins.github.rest import addresses_of, json_body
from tests.standins.github.rest_errors import ApiError, not_found, validation_failed
from tests.standins.github.rights import Right
from tests.standins.github.shapes import Json, pull_json

_GET_DOCS = "/pulls/pulls#get-a-pull-request"


class PullsApi:
    def __init__(self, pulls: PullRequests, access: Access) -> None:
        self._pulls = pulls
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/repos/{owner}/{name}/pulls", self.list_pulls),
            web.post("/repos/{owner}/{name}/pulls", self.create_pull),
            web.get(r"/repos/{owner}/{name}/pulls/{number:\d+}", self.get_pull),
            web.patch(r"/repos/{owner}/{name}/pulls/{number:\d+}", self.update_pull),
        ]

    async def list_pulls(self, request: web.Request) -> web.Response:
        repository, _ = self._access.repository(request, LIST_DOCS)
        wanted = PullFilter.read(request.url)
        found = [pull for pull in self._pulls.all(repository) if wanted.takes(pull, repository)]
        shown, headers = page_of(found, request.url)
        fresh = [await self._fresh(repository, pull) for pull in shown]
        return web.json_response([await self._short(request, repository, each) for each in fresh], headers=headers)

    async def get_pull(self, request: web.Request) -> web.Response:
        repository, _ = self._access.repository(request, _GET_DOCS)
        pull = await self._fresh(repository, self._named(request, repository, _GET_DOCS))
        return web.json_response(await self._full(request, repository, pull))

    async def create_pull(self, request: web.Request) -> web.Response:
        repository, right = self._access.repository(request, CREATE_DOCS)
        user = self._access.author(request, CREATE_DOCS, permission="pull_requests", repository=repository)
        new = NewPull.read(await json_body(request, CREATE_DOCS), repository)
        if right < Right.PUSH:
            raise _refused(CREATE_DOCS, "must be a collaborator")
        if new.draft and not repository.drafts:
            raise ApiError(422, "Draft pull requests are not supported in this repository.", docs=CREATE_DOCS)
        head_commit = await _head_ahead_of_base(repository, new)
        try:
            pull = self._pulls.open(
                repository,
                author=user,
                title=new.title,
                body=new.body,
                head=new.head,
                head_commit=head_commit,
                base=new.base,
                draft=new.draft,
            )
        except AlreadyOpen as exc:
            raise _already_exists(CREATE_DOCS, repository, new.head) from exc
        answer = await self._full(request, repository, pull)
        return web.json_response(answer, status=201, headers={"Location": str(answer["url"])})

    async def update_pull(self, request: web.Request) -> web.Response:
        repository, right = self._access.repository(request, UPDATE_DOCS)
        user = self._access.author(request, UPDATE_DOCS, permission="pull_requests", repository=repository)
        pull = await self._fresh(repository, self._named(request, repository, UPDATE_DOCS))
        change = PullChange.read(await json_body(request, UPDATE_DOCS), pull)
        if right < Right.PUSH and pull.author.id != user.id:
            raise ApiError(403, "Must have push access to edit this pull request.", docs=UPDATE_DOCS)
        if await repository.branch_commit(change.base) is None:
            raise invalid("base", UPDATE_DOCS)
        try:
            pull = self._pulls.edit(
                repository, pull, title=change.title, body=change.body, base=change.base, state=change.state
            )
        except AlreadyOpen as exc:
            raise _already_exists(UPDATE_DOCS, repository, pull.head) from exc
        return web.json_response(await self._full(request, repository, pull))

    def _named(self, request: web.Request, repository: Repository, docs: str) -> PullRequest:
        pull = self._pulls.find(repository, int(request.match_info["number"]))
        if pull is None:
            raise not_found(docs)
        return pull

    async def _fresh(self, repository: Repository, pull: PullRequest) -> PullRequest:
        """An open pull request follows its branch."""
        commit = await repository.branch_commit(pull.head)
        if pull.state == "closed" or commit is None or commit == pull.head_commit:
            return pull
        return self._pulls.see_head(repository, pull, commit)

    async def _short(self, request: web.Request, repository: Repository, pull: PullRequest) -> Json:
        """As in a list."""
        base_commit = await repository.branch_commit(pull.base) or ""
        return pull_json(pull, repository, base_commit=base_commit, at=addresses_of(request))

    async def _full(self, request: web.Request, repository: Repository, pull: PullRequest) -> Json:
        """As on its own, with the counts."""
        short = await self._short(request, repository, pull)
        comparison = await compare(repository, base=pull.base, head_commit=pull.head_commit)
        return short | {"merged": False, "mergeable": None} | (comparison.counts() if comparison else {})


async def _head_ahead_of_base(repository: Repository, new: NewPull) -> str:
    """The commit to pull. Raises ApiError 422 when a branch is missing or there is nothing to pull."""
    if await repository.branch_commit(new.base) is None:
        raise invalid("base", CREATE_DOCS)
    head_commit = await repository.branch_commit(new.head)
    if head_commit is None:
        raise invalid("head", CREATE_DOCS)
    comparison = await compare(repository, base=new.base, head_commit=head_commit)
    if comparison is None:
        raise _refused(CREATE_DOCS, f"The {new.head} branch has no history in common with {new.base}")
    if not comparison.commits:
        raise _refused(CREATE_DOCS, f"No commits between {new.base} and {new.head}")
    return head_commit


def _already_exists(docs: str, repository: Repository, head: str) -> ApiError:
    return _refused(docs, f"A pull request already exists for {repository.owner}:{head}.")


def _refused(docs: str, message: str) -> ApiError:
    return validation_failed(docs, resource="PullRequest", code="custom", message=message)
