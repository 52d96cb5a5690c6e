"""What belongs to a user: /v1/me, /v1/repositories and /v1/projects."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from errand_gateway.problems import RESPONSES
from errand_gateway.rest.allowance import AllowanceWish
from errand_gateway.rest.answers import (
    AllowHostResponse,
    CreateProjectResponse,
    GetMeResponse,
    ListEgressPresetsResponse,
    ListProjectsResponse,
    ListRepositoriesResponse,
    UpdateProjectResponse,
)
from errand_gateway.rest.model_wish import ModelWish
from errand_gateway.rest.parameters import IdempotencyKey, PageSize, PageToken, SessionToken
from errand_gateway.scheduler.accounts import Accounts, Egress
from errand_gateway.scheduler.check import Check
from errand_gateway.scheduler.connection import JsonObject
from errand_gateway.text import Text


class CreateProject(BaseModel):
    """Asks for a repository as a project: one of the two."""

    repository: Annotated[Text, Field(description="owner/name at GitHub")] = ""
    repo_url: Annotated[
        Text, Field(description="A clone address on another git host, such as https://git.example.org/team/tool.git")
    ] = ""


class EgressWish(BaseModel):
    """What a project's tasks may reach."""

    mode: Annotated[Text, Field(description="none, allow_list or open")]
    presets: list[Text] = []
    hosts: list[Text] = []


class CheckWish(BaseModel):
    """What decides whether the work of a project's tasks holds."""

    script: Annotated[
        Text, Field(description="A shell script of at most 64 KiB, run on what a task pushed; empty for none")
    ] = ""
    limit_duration: Annotated[float | None, Field(description="10 to 3600 seconds; left out: 900")] = None


class AllowHost(BaseModel):
    """Asks for a host to be allowed."""

    host: Annotated[Text, Field(description="Such as api.example.com, or *.example.com for all below it")]


class UpdateProject(BaseModel):
    """Changes the settings of a project; what is left out, or null, stays."""

    image: Annotated[
        Text | None, Field(description="The container image of its tasks, such as node:22; empty for the runner's own")
    ] = None
    setup_script: Annotated[
        Text | None,
        Field(description="A shell script of at most 64 KiB, run once in a fresh workspace; empty for none"),
    ] = None
    read_repositories: Annotated[
        list[Text] | None,
        Field(description='At most 20 further repositories, "owner/name", that its tasks may fetch and never push'),
    ] = None
    egress: Annotated[
        EgressWish | None, Field(description="Replaces what its tasks reach; those that are at work go by it at once")
    ] = None
    model_choice: Annotated[
        ModelWish | None,
        Field(description="Replaces the model of its new tasks; those that have begun keep theirs"),
    ] = None
    check: Annotated[CheckWish | None, Field(description="Replaces the check that its tasks are judged by")] = None
    allowance: Annotated[
        AllowanceWish | None,
        Field(description="Replaces what each of its new tasks may spend; of what is 0 as this Errand is set up"),
    ] = None
    draft_pull_requests: Annotated[
        bool | None, Field(description="Whether its next pull requests are opened as drafts")
    ] = None


class AccountRoutes:
    """Translates; the scheduler judges."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["account"], responses=RESPONSES)
        add = router.add_api_route
        add("/me", self.get_me, response_model=GetMeResponse, response_model_exclude_unset=True)
        add(
            "/repositories",
            self.list_repositories,
            response_model=ListRepositoriesResponse,
            response_model_exclude_unset=True,
        )
        add("/projects", self.list_projects, response_model=ListProjectsResponse, response_model_exclude_unset=True)
        add(
            "/projects",
            self.create_project,
            methods=["POST"],
            status_code=201,
            response_model=CreateProjectResponse,
            response_model_exclude_unset=True,
        )
        add(
            "/projects/{project_id}",
            self.update_project,
            methods=["PATCH"],
            response_model=UpdateProjectResponse,
            response_model_exclude_unset=True,
        )
        add(
            "/projects/{project_id}/hosts",
            self.allow_host,
            methods=["POST"],
            response_model=AllowHostResponse,
            response_model_exclude_unset=True,
        )
        add(
            "/egress-presets",
            self.list_egress_presets,
            response_model=ListEgressPresetsResponse,
            response_model_exclude_unset=True,
        )
        return router

    async def get_me(self, token: SessionToken) -> JsonObject:
        """Reads the calling user."""
        return await self._accounts.get_me(token)

    async def list_repositories(
        self, token: SessionToken, page_size: PageSize = 0, page_token: PageToken = ""
    ) -> JsonObject:
        """Lists the repositories that GitHub shows the caller, the most recently pushed first."""
        return await self._accounts.list_repositories(token, page_size=page_size, page_token=page_token)

    async def list_projects(
        self, token: SessionToken, page_size: PageSize = 0, page_token: PageToken = ""
    ) -> JsonObject:
        """Lists the caller's projects, newest first."""
        return await self._accounts.list_projects(token, page_size=page_size, page_token=page_token)

    async def create_project(self, token: SessionToken, body: CreateProject) -> JsonObject:
        """Adds a repository as a project; adding it again returns the project that is there."""
        return await self._accounts.create_project(token, repository=body.repository, repo_url=body.repo_url)

    async def update_project(
        self, token: SessionToken, project_id: str, body: UpdateProject, key: IdempotencyKey = ""
    ) -> JsonObject:
        """Changes the settings of a project; tasks go by them from their next attempt on."""
        egress, choice, check = body.egress, body.model_choice, body.check
        return await self._accounts.update_project(
            token,
            request_id=key,
            project_id=project_id,
            image=body.image,
            setup_script=body.setup_script,
            read_repositories=body.read_repositories,
            egress=None if egress is None else Egress(egress.mode, egress.presets, egress.hosts),
            model_choice=None if choice is None else choice.plain(),
            check=None if check is None else Check(check.script, check.limit_duration),
            allowance=None if body.allowance is None else body.allowance.value(),
            draft_pull_requests=body.draft_pull_requests,
        )

    async def allow_host(
        self, token: SessionToken, project_id: str, body: AllowHost, key: IdempotencyKey = ""
    ) -> JsonObject:
        """Adds a host to those that a project allows, for its tasks that are at work too; again changes nothing."""
        return await self._accounts.allow_host(token, request_id=key, project_id=project_id, host=body.host)

    async def list_egress_presets(self, token: SessionToken) -> JsonObject:
        """Lists the presets that a project's egress may name."""
        return await self._accounts.list_egress_presets(token)
