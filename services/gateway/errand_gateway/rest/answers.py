"""What REST answers: the contract's responses, which hold its nouns."""

from pydantic import BaseModel, Field

from errand_gateway.rest.allowance import DayMoney
from errand_gateway.rest.models import (
    Event,
    GitCredential,
    Input,
    Message,
    Project,
    ProjectSecret,
    Repository,
    Task,
    ToolCall,
    User,
)


class GetMeResponse(BaseModel):
    """Who is calling."""

    user: User
    day: DayMoney | None = None


class CreateProjectResponse(BaseModel):
    """The project as stored."""

    project: Project


class UpdateProjectResponse(BaseModel):
    """The project as it is now."""

    project: Project


class SetProjectSecretResponse(BaseModel):
    """The secret as it is now."""

    secret: ProjectSecret


class ListProjectSecretsResponse(BaseModel):
    """The secrets of a project, by name."""

    secrets: list[ProjectSecret]


class AllowHostResponse(BaseModel):
    """The project as it is now."""

    project: Project


class EgressPreset(BaseModel):
    """Hosts that are allowed by one name."""

    name: str
    title: str
    hosts: list[str]


class ListEgressPresetsResponse(BaseModel):
    """All presets, in the order in which to show them."""

    presets: list[EgressPreset]


class ListProjectsResponse(BaseModel):
    """A page of projects, newest first."""

    projects: list[Project]
    next_page_token: str


class ListRepositoriesResponse(BaseModel):
    """A page of repositories, the most recently pushed first."""

    repositories: list[Repository]
    next_page_token: str


class CreateTaskResponse(BaseModel):
    """The task as created, or as it stands when the Idempotency-Key was seen before."""

    task: Task


class GetTaskResponse(BaseModel):
    """One task."""

    task: Task


class ListTasksResponse(BaseModel):
    """A page of tasks, newest first."""

    tasks: list[Task]
    next_page_token: str


class AddInputResponse(BaseModel):
    """The input as stored, and the task after it."""

    input: Input
    task: Task


class ListInputsResponse(BaseModel):
    """What was written and no message carries yet, oldest first."""

    inputs: list[Input]


class EditInputResponse(BaseModel):
    """The input as it is now."""

    input: Input


class PromoteInputResponse(BaseModel):
    """The input as it is now."""

    input: Input


class RemoveInputResponse(BaseModel):
    """The input as it is now."""

    input: Input


class RetryTaskResponse(BaseModel):
    """The task as it stands after it."""

    task: Task


class RaiseAllowanceResponse(BaseModel):
    """The task as it stands after it."""

    task: Task


class RunnerObstacle(BaseModel):
    """What one runner lacks for a task."""

    runner: str
    reason: str = Field(description="In words; empty where it could be offered the task")


class ExplainPendingResponse(BaseModel):
    """Why a task waits."""

    reason: str = Field(description="In words; says so where the task does not wait")
    runners: list[RunnerObstacle]
    ahead: int = Field(description="How many tasks of the caller's go before it")


class StopTaskResponse(BaseModel):
    """The task as it stands after the stop."""

    task: Task


class ListEventsResponse(BaseModel):
    """A page of events, oldest first."""

    events: list[Event]
    has_more: bool


class ListMessagesResponse(BaseModel):
    """A page of messages, oldest first."""

    messages: list[Message]
    next_page_token: str


class ListToolCallsResponse(BaseModel):
    """A page of tool calls, oldest first."""

    tool_calls: list[ToolCall]
    next_page_token: str


class PutGitCredentialResponse(BaseModel):
    """It is kept."""

    credential: GitCredential


class ListGitCredentialsResponse(BaseModel):
    """All that the caller brought, and the hosts for which something can be brought."""

    credentials: list[GitCredential]
    hosts: list[str]


class RemoveGitCredentialResponse(BaseModel):
    """It is forgotten."""
