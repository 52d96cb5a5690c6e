"""AccountService: signing in, and what belongs to a user."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import grpc

from errand.v1 import account_service_pb2 as pb
from errand.v1.account_service_pb2_grpc import AccountServiceServicer
from errand_common.errors import Conflict, Denied, Invalid, Unauthenticated
from errand_common.ids import Ids
from errand_scheduler import wire
from errand_scheduler.access import signin
from errand_scheduler.access.callers import Note, caller, person
from errand_scheduler.access.other_hosts import OtherHosts
from errand_scheduler.access.rights import PushRights
from errand_scheduler.access.user_tokens import UserTokens
from errand_scheduler.edges.drawing import Drawing
from errand_scheduler.edges.egress import allow_host, list_presets
from errand_scheduler.edges.git_credentials import GitCredentials
from errand_scheduler.edges.project_settings import update_project
from errand_scheduler.edges.requests import (
    check_repository,
    counted_page_of,
    fitting,
    page_size,
    place_of,
    token_of,
    token_of_counted_page,
)
from errand_scheduler.edges.secrets_of_projects import SecretsEdge
from errand_scheduler.edges.sign_in import SignIns, tokens_of
from errand_scheduler.github import GitHub, Repository, TokenRefused
from errand_scheduler.store import projects, users
from errand_scheduler.store.paging import Place
from errand_scheduler.store.projects import Project
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer

Context = grpc.aio.ServicerContext[Any, Any]


class AccountEdge(AccountServiceServicer):
    """Sessions and projects."""

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Writer,
        ids: Ids,
        sign_ins: SignIns,
        github: GitHub,
        tokens: UserTokens,
        others: OtherHosts,
        rights: PushRights,
        secrets: SecretsEdge,
        github_url: str,
        drawing: Drawing,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = ids
        self._sign_ins = sign_ins
        self._github = github
        self._tokens = tokens
        self._others = others
        self._git_credentials = GitCredentials(reader=reader, writer=writer, others=others)
        self._rights = rights
        self._secrets = secrets
        self._github_url = github_url
        self._drawing = drawing

    async def CompleteSignIn(self, request: pb.CompleteSignInRequest, context: Context) -> pb.CompleteSignInResponse:
        return await self._sign_ins.complete(request)

    async def CreateSignInLink(
        self, request: pb.CreateSignInLinkRequest, context: Context
    ) -> pb.CreateSignInLinkResponse:
        return await self._sign_ins.create_link()

    async def RedeemSignInLink(
        self, request: pb.RedeemSignInLinkRequest, context: Context
    ) -> pb.RedeemSignInLinkResponse:
        return await self._sign_ins.redeem(request)

    async def RefreshSession(self, request: pb.RefreshSessionRequest, context: Context) -> pb.RefreshSessionResponse:
        pair, session_id = signin.new_pair(), self._ids.new("ses")
        refreshed = await self._writer.write(
            lambda tx: signin.refresh(tx, request.refresh_token, pair, session_id=session_id)
        )
        if not refreshed:
            words = "the refresh token is unknown, used or expired; sign in again"
            raise Unauthenticated(words, reason="REFRESH_REFUSED")
        return pb.RefreshSessionResponse(tokens=tokens_of(pair))

    async def EndSession(self, request: pb.EndSessionRequest, context: Context) -> pb.EndSessionResponse:
        who = person()
        if who.family_id is None:
            raise Denied("this credential is a token, not a session; revoke it instead")
        family_id = who.family_id
        await self._writer.write(lambda tx: signin.end(tx, family_id, caller=who.user_id, action="end_session"))
        return pb.EndSessionResponse()

    async def GetMe(self, request: pb.GetMeRequest, context: Context) -> pb.GetMeResponse:
        user = await self._reader.one(users.by_id(person().user_id))
        assert user is not None  # sessions refer to users
        return pb.GetMeResponse(user=wire.user(user), day=await self._drawing.day(user.user_id))

    async def CreateProject(self, request: pb.CreateProjectRequest, context: Context) -> pb.CreateProjectResponse:
        user_id, note = person().user_id, caller().note
        if bool(request.repository) == bool(request.repo_url):
            raise Invalid("give either repository, such as octocat/hello-world, or repo_url for another git host")
        if request.repo_url:
            return await self._create_on_another_host(user_id, request.repo_url)
        check_repository(request.repository)
        with self._refusal_of_the_setting():
            repository = await self._rights.repository(user_id, request.repository)
            if repository.push_refusal:
                raise Denied(repository.push_refusal, reason="NO_PUSH_RIGHT")
            if await self._tokens.using(user_id, lambda token: self._github.is_empty(token, repository.name)):
                words = "has no commit yet, so there is nothing to start from; push a first commit, then add it"
                raise Conflict(f"{repository.name} {words}")
        project_id = self._ids.new("prj")
        found = Project(
            project_id=project_id,
            user_id=user_id,
            repo_url=f"{self._github_url}/{repository.name}.git",
            repository=repository.name,
            default_branch=repository.default_branch,
            created_time=0,
        )
        project = await self._writer.write(lambda tx: _add_project(tx, found, note))
        self._rights.learn(project, repository)
        return pb.CreateProjectResponse(project=wire.project(project))

    async def _create_on_another_host(self, user_id: str, repo_url: str) -> pb.CreateProjectResponse:
        place, note = self._others.hosts.place(repo_url), caller().note
        remote = await self._others.look(user_id, place)
        if not remote.may_push:
            raise Denied(f"you may not push to {place.name}; ask its owner for write access", reason="NO_PUSH_RIGHT")
        if not remote.default_branch:
            words = "has no commit yet, or no default branch, so there is nothing to start from; push a first commit"
            raise Conflict(f"{place.name} {words}, then add it")
        found = Project(
            project_id=self._ids.new("prj"),
            user_id=user_id,
            repo_url=place.url,
            repository=place.name,
            default_branch=remote.default_branch,
            created_time=0,
            git_host=place.host,
        )
        project = await self._writer.write(lambda tx: _add_project(tx, found, note))
        return pb.CreateProjectResponse(project=wire.project(project))

    async def PutGitCredential(
        self, request: pb.PutGitCredentialRequest, context: Context
    ) -> pb.PutGitCredentialResponse:
        return await self._git_credentials.put(request)

    async def ListGitCredentials(
        self, request: pb.ListGitCredentialsRequest, context: Context
    ) -> pb.ListGitCredentialsResponse:
        return await self._git_credentials.list()

    async def RemoveGitCredential(
        self, request: pb.RemoveGitCredentialRequest, context: Context
    ) -> pb.RemoveGitCredentialResponse:
        return await self._git_credentials.remove(request)

    async def UpdateProject(self, request: pb.UpdateProjectRequest, context: Context) -> pb.UpdateProjectResponse:
        return await update_project(self._writer, request)

    async def SetProjectSecret(
        self, request: pb.SetProjectSecretRequest, context: Context
    ) -> pb.SetProjectSecretResponse:
        return await self._secrets.set(request)

    async def RemoveProjectSecret(
        self, request: pb.RemoveProjectSecretRequest, context: Context
    ) -> pb.RemoveProjectSecretResponse:
        return await self._secrets.remove(request)

    async def ListProjectSecrets(
        self, request: pb.ListProjectSecretsRequest, context: Context
    ) -> pb.ListProjectSecretsResponse:
        return await self._secrets.list(request)

    async def AllowHost(self, request: pb.AllowHostRequest, context: Context) -> pb.AllowHostResponse:
        return await allow_host(self._writer, request)

    async def ListEgressPresets(
        self, request: pb.ListEgressPresetsRequest, context: Context
    ) -> pb.ListEgressPresetsResponse:
        return list_presets()

    async def ListRepositories(
        self, request: pb.ListRepositoriesRequest, context: Context
    ) -> pb.ListRepositoriesResponse:
        page, size = counted_page_of(request.page_token, size=page_size(request.page_size, default=50, most=100))
        with self._refusal_of_the_setting():
            found = await self._tokens.using(
                person().user_id, lambda token: self._github.repositories(token, page=page, size=size)
            )
        return pb.ListRepositoriesResponse(
            repositories=[_repository(each) for each in found.repositories],
            next_page_token=token_of_counted_page(page + 1, size) if found.more else "",
        )

    async def ListProjects(self, request: pb.ListProjectsRequest, context: Context) -> pb.ListProjectsResponse:
        size = page_size(request.page_size, default=50, most=100)
        after = place_of(request.page_token)
        found = await self._reader.all(projects.page(person().user_id, after=after, limit=size + 1))
        shown = fitting([wire.project(project) for project in found[:size]])
        last = found[len(shown) - 1] if len(found) > len(shown) else None
        return pb.ListProjectsResponse(
            projects=shown, next_page_token="" if last is None else token_of(Place(last.created_time, last.project_id))
        )

    @contextmanager
    def _refusal_of_the_setting(self) -> Iterator[None]:
        """Where the token is a setting's, the caller's session is good and signing in again does not help."""
        try:
            yield
        except TokenRefused as exc:
            if not self._sign_ins.single_user:
                raise
            raise Conflict(exc.message) from exc


def _add_project(tx: Tx, found: Project, note: Note) -> Project:
    known = tx.one(projects.by_repository(found.user_id, found.repository))
    if known is not None:
        projects.set_default_branch(tx, known.project_id, found.default_branch)
        return replace(known, default_branch=found.default_branch)
    new = replace(found, created_time=tx.now_us)
    projects.insert(tx, new)
    note(tx, "create_project", new.project_id)
    return new


def _repository(found: Repository) -> pb.Repository:
    return pb.Repository(
        repository=found.name,
        default_branch=found.default_branch,
        private=found.private,
        may_push=found.may_push,
    )
