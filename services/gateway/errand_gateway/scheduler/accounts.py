"""AccountService as plain values."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from errand.v1 import task_pb2
from errand.v1.account_service_pb2 import (
    AllowHostRequest,
    CompleteSignInRequest,
    CreateProjectRequest,
    EndSessionRequest,
    GetMeRequest,
    ListEgressPresetsRequest,
    ListGitCredentialsRequest,
    ListProjectsRequest,
    ListRepositoriesRequest,
    PutGitCredentialRequest,
    RedeemSignInLinkRequest,
    RefreshSessionRequest,
    RemoveGitCredentialRequest,
    RepositoryNames,
    SessionTokens,
    UpdateProjectRequest,
)
from errand_common.errors import Denied, Unauthenticated, Unavailable
from errand_common.wire import duration, number, seconds
from errand_gateway.scheduler.allowance import Allowance
from errand_gateway.scheduler.check import Check
from errand_gateway.scheduler.connection import Connection, JsonObject
from errand_gateway.scheduler.model_choice import ModelChoice

log = structlog.get_logger()


@dataclass(frozen=True)
class GitHubTokens:
    """What GitHub gave at the end of the dance; `access_s` is how long it lives, none for ever."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    access_s: float | None = None


@dataclass(frozen=True)
class Session:
    """A session's tokens and how long each lives from now."""

    access_token: str = field(repr=False)
    access_s: float
    refresh_token: str = field(repr=False)
    refresh_s: float


@dataclass(frozen=True)
class Egress:
    """What a project's tasks are to reach."""

    mode: str
    presets: Sequence[str]
    hosts: Sequence[str]


class Accounts:
    """Methods with a token act as that session; the others as the gateway. All raise ErrandError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def complete_sign_in(
        self,
        tokens: GitHubTokens,
        *,
        client: str,
        link_secret: str = "",
    ) -> tuple[str, Session]:
        """Hand GitHub's tokens over; returns the user's id and the new session. A link's secret admits the person."""
        request = CompleteSignInRequest(
            github_access_token=tokens.access_token,
            github_refresh_token=tokens.refresh_token,
            github_access_duration=duration(tokens.access_s),
            client=client,
            link_secret=link_secret,
        )
        with _own_credential():
            response = await self._connection.ask(
                self._connection.accounts.CompleteSignIn, request, token=await self._connection.service_token()
            )
        return response.user.user_id, _session(response.tokens)

    async def redeem_link(self, secret: str, *, client: str) -> tuple[str, Session]:
        """Spend a sign-in link; returns the owner's id and the new session."""
        request = RedeemSignInLinkRequest(secret=secret, client=client)
        with _own_credential():
            response = await self._connection.ask(
                self._connection.accounts.RedeemSignInLink, request, token=await self._connection.service_token()
            )
        return response.user.user_id, _session(response.tokens)

    async def refresh(self, refresh_token: str) -> Session:
        """Turn a refresh token, once, into new tokens."""
        request = RefreshSessionRequest(refresh_token=refresh_token)
        with _own_credential():
            response = await self._connection.ask(
                self._connection.accounts.RefreshSession, request, token=await self._connection.service_token()
            )
        return _session(response.tokens)

    async def end_session(self, token: str) -> None:
        """End the session at once."""
        await self._connection.ask(self._connection.accounts.EndSession, EndSessionRequest(), token=token)

    async def get_me(self, token: str) -> JsonObject:
        """Read the calling user."""
        return await self._connection.read(self._connection.accounts.GetMe, GetMeRequest(), token=token)

    async def user_id(self, token: str) -> str:
        """Who the session belongs to."""
        response = await self._connection.ask(self._connection.accounts.GetMe, GetMeRequest(), token=token)
        return response.user.user_id

    async def create_project(self, token: str, *, repository: str, repo_url: str) -> JsonObject:
        """Add a repository of GitHub's, or of another git host's, as a project, or return the one that is there."""
        request = CreateProjectRequest(repository=repository, repo_url=repo_url)
        return await self._connection.read(self._connection.accounts.CreateProject, request, token=token)

    async def update_project(
        self,
        token: str,
        *,
        request_id: str,
        project_id: str,
        image: str | None,
        setup_script: str | None,
        read_repositories: Sequence[str] | None,
        egress: Egress | None,
        model_choice: ModelChoice | None,
        check: Check | None,
        allowance: Allowance | None,
        draft_pull_requests: bool | None,
    ) -> JsonObject:
        """Change the settings of a project; what is None stays."""
        request = UpdateProjectRequest(
            request_id=request_id,
            project_id=project_id,
            image=image,
            setup_script=setup_script,
            read_repositories=None if read_repositories is None else RepositoryNames(repositories=read_repositories),
            egress=None if egress is None else _egress(egress),
            model_choice=None if model_choice is None else model_choice.to_wire(),
            check=None if check is None else check.to_wire(),
            allowance=None if allowance is None else allowance.to_wire(),
            draft_pull_requests=draft_pull_requests,
        )
        return await self._connection.read(self._connection.accounts.UpdateProject, request, token=token)

    async def put_git_credential(
        self, token: str, *, request_id: str, host: str, username: str, password: str
    ) -> JsonObject:
        """Keep what the caller uses at a git host."""
        request = PutGitCredentialRequest(request_id=request_id, host=host, username=username, password=password)
        return await self._connection.read(self._connection.accounts.PutGitCredential, request, token=token)

    async def list_git_credentials(self, token: str) -> JsonObject:
        """What the caller brought for git hosts, without the secrets."""
        request = ListGitCredentialsRequest()
        return await self._connection.read(self._connection.accounts.ListGitCredentials, request, token=token)

    async def remove_git_credential(self, token: str, *, request_id: str, host: str) -> JsonObject:
        """Forget what the caller uses at a git host."""
        request = RemoveGitCredentialRequest(request_id=request_id, host=host)
        return await self._connection.read(self._connection.accounts.RemoveGitCredential, request, token=token)

    async def allow_host(self, token: str, *, request_id: str, project_id: str, host: str) -> JsonObject:
        """Add a host to those that a project allows."""
        request = AllowHostRequest(request_id=request_id, project_id=project_id, host=host)
        return await self._connection.read(self._connection.accounts.AllowHost, request, token=token)

    async def list_egress_presets(self, token: str) -> JsonObject:
        """List what a project's egress may name."""
        request = ListEgressPresetsRequest()
        return await self._connection.read(self._connection.accounts.ListEgressPresets, request, token=token)

    async def list_repositories(self, token: str, *, page_size: int, page_token: str) -> JsonObject:
        """List the repositories that GitHub shows the caller, the most recently pushed first."""
        request = ListRepositoriesRequest(page_size=page_size, page_token=page_token)
        return await self._connection.read(self._connection.accounts.ListRepositories, request, token=token)

    async def list_projects(self, token: str, *, page_size: int, page_token: str) -> JsonObject:
        """List the caller's projects, newest first."""
        request = ListProjectsRequest(page_size=page_size, page_token=page_token)
        return await self._connection.read(self._connection.accounts.ListProjects, request, token=token)


@contextmanager
def _own_credential() -> Iterator[None]:
    """Around a call whose only credential is the gateway's own: the person cannot help its refusal."""
    try:
        yield
    except (Unauthenticated, Denied) as exc:
        if exc.reason not in ("UNAUTHENTICATED", "DENIED"):
            raise
        log.error(
            "service_token_refused",
            reason=exc.reason,
            error=exc.message,
            advice="was it revoked? the scheduler's next start makes a new one; a gateway elsewhere is given that "
            "(ERRAND_TOKEN_FILE)",
        )
        raise Unavailable("the scheduler refused this gateway; its owner finds why in its log") from exc


def _egress(asked: Egress) -> task_pb2.Egress:
    try:
        mode = number(task_pb2.EgressMode, asked.mode)
    except KeyError:
        # Left unset, which the scheduler refuses with the modes that there are.
        mode = task_pb2.EGRESS_MODE_UNSPECIFIED
    return task_pb2.Egress(mode=mode, presets=asked.presets, hosts=asked.hosts)


def _session(tokens: SessionTokens) -> Session:
    return Session(
        access_token=tokens.access_token,
        access_s=seconds(tokens.access_duration),
        refresh_token=tokens.refresh_token,
        refresh_s=seconds(tokens.refresh_duration),
    )
