"""AccountService: signing in, and what belongs to a user."""

import re
from typing import Any

import grpc

from errand.v1 import account_service_pb2 as pb
from errand.v1.account_service_pb2_grpc import AccountServiceServicer
from errand_common.errors import Denied, Invalid, Unauthenticated
from errand_common.ids import Ids
from errand_common.wire import duration
from errand_scheduler import signin, wire
from errand_scheduler.auth import Authority
from errand_scheduler.callers import caller, person
from errand_scheduler.edges.requests import page_size, place_of, token_of
from errand_scheduler.github import Account, GitHub, Repository
from errand_scheduler.rights import GITHUB_TOKEN, Answer, PushRights, Right
from errand_scheduler.signin import ACCESS_S, REFRESH_S, TokenPair
from errand_scheduler.store import audit, projects, users
from errand_scheduler.store.notices import SignedIn
from errand_scheduler.store.paging import Place
from errand_scheduler.store.projects import Project
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.users import User
from errand_scheduler.store.writer import Writer
from errand_scheduler.vault import Vault

Context = grpc.aio.ServicerContext[Any, Any]

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")


class AccountEdge(AccountServiceServicer):
    """Sessions and projects."""

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Writer,
        ids: Ids,
        authority: Authority,
        vault: Vault,
        github: GitHub,
        rights: PushRights,
        github_url: str,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = ids
        self._authority = authority
        self._vault = vault
        self._github = github
        self._rights = rights
        self._github_url = github_url

    async def CompleteSignIn(self, request: pb.CompleteSignInRequest, context: Context) -> pb.CompleteSignInResponse:
        if not request.github_access_token:
            raise Invalid("github_access_token is empty; pass the one that GitHub gave")
        if not 1 <= len(request.client) <= 64:
            raise Invalid("client must be 1 to 64 characters; say what signs in, such as web")
        account = await self._github.account(request.github_access_token)
        if not self._authority.admits(account.username):
            raise Denied(f"{account.username} is not admitted to this Errand", reason="NOT_ADMITTED")
        pair, gateway = signin.new_pair(), caller().name

        def sign_in(tx: Tx) -> User:
            user = self._store_user(tx, account, request.github_access_token)
            self._start_session(tx, user, pair, client=request.client)
            audit.record(tx, caller=gateway, action="complete_sign_in", subject_id=user.user_id)
            return user

        user = await self._writer.write(sign_in)
        return pb.CompleteSignInResponse(user=wire.user(user), tokens=_tokens(pair))

    async def RefreshSession(self, request: pb.RefreshSessionRequest, context: Context) -> pb.RefreshSessionResponse:
        pair, session_id = signin.new_pair(), self._ids.new("ses")
        refreshed = await self._writer.write(
            lambda tx: signin.refresh(tx, request.refresh_token, pair, session_id=session_id)
        )
        if not refreshed:
            raise Unauthenticated("the refresh token is unknown, used or expired; sign in again")
        return pb.RefreshSessionResponse(tokens=_tokens(pair))

    async def EndSession(self, request: pb.EndSessionRequest, context: Context) -> pb.EndSessionResponse:
        who = person()
        await self._writer.write(lambda tx: signin.end(tx, who.family_id, caller=who.user_id, action="end_session"))
        return pb.EndSessionResponse()

    async def GetMe(self, request: pb.GetMeRequest, context: Context) -> pb.GetMeResponse:
        user = await self._reader.one(users.by_id(person().user_id))
        assert user is not None  # sessions refer to users
        return pb.GetMeResponse(user=wire.user(user))

    async def CreateProject(self, request: pb.CreateProjectRequest, context: Context) -> pb.CreateProjectResponse:
        user_id = person().user_id
        if not _REPOSITORY.fullmatch(request.repository):
            raise Invalid(f'repository "{request.repository[:160]}" is not a name such as octocat/hello-world')
        token = await self._rights.github_token(user_id)
        repository = await self._github.repository(token, request.repository)
        if not repository.may_push:
            raise Denied(f"you may not push to {repository.name}, or it is archived", reason="NO_PUSH_RIGHT")
        project_id = self._ids.new("prj")
        project = await self._writer.write(lambda tx: self._add_project(tx, repository, user_id, project_id))
        self._rights.remember(user_id, project.project_id, Answer(Right.PUSH))
        return pb.CreateProjectResponse(project=wire.project(project))

    async def ListProjects(self, request: pb.ListProjectsRequest, context: Context) -> pb.ListProjectsResponse:
        size = page_size(request.page_size, default=50, most=100)
        after = place_of(request.page_token)
        found = await self._reader.all(projects.page(person().user_id, after=after, limit=size + 1))
        shown = found[:size]
        more = len(found) > size
        return pb.ListProjectsResponse(
            projects=[wire.project(project) for project in shown],
            next_page_token=token_of(Place(shown[-1].created_time, shown[-1].project_id)) if more else "",
        )

    def _store_user(self, tx: Tx, account: Account, github_token: str) -> User:
        known = tx.one(users.by_github_id(account.github_id))
        user = User(
            user_id=known.user_id if known else self._ids.new("usr"),
            github_id=account.github_id,
            github_username=account.username,
            created_time=known.created_time if known else tx.now_us,
        )
        sealed = self._vault.seal(github_token, user_id=user.user_id, kind=GITHUB_TOKEN)
        users.upsert(tx, user, sealed_github_token=sealed)
        tx.notice(SignedIn(user_id=user.user_id))
        return user

    def _start_session(self, tx: Tx, user: User, pair: TokenPair, *, client: str) -> None:
        signin.start(
            tx,
            pair,
            session_id=self._ids.new("ses"),
            family_id=self._ids.new("fam"),
            user_id=user.user_id,
            client=client,
        )

    def _add_project(self, tx: Tx, repository: Repository, user_id: str, project_id: str) -> Project:
        known = tx.one(projects.by_repository(user_id, repository.name))
        if known is not None:
            projects.set_default_branch(tx, known.project_id, repository.default_branch)
            found = tx.one(projects.by_id(known.project_id))
            assert found is not None  # just updated
            return found
        project = Project(
            project_id=project_id,
            user_id=user_id,
            repo_url=f"{self._github_url}/{repository.name}.git",
            repository=repository.name,
            default_branch=repository.default_branch,
            created_time=tx.now_us,
        )
        projects.insert(tx, project)
        audit.record(tx, caller=user_id, action="create_project", subject_id=project_id)
        return project


def _tokens(pair: TokenPair) -> pb.SessionTokens:
    return pb.SessionTokens(
        access_token=pair.access,
        access_duration=duration(ACCESS_S),
        refresh_token=pair.refresh,
        refresh_duration=duration(REFRESH_S),
    )
