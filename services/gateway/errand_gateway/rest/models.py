"""The contract's nouns as JSON. Fields that are not set are left out."""

from typing import Annotated

from pydantic import BaseModel, Field, JsonValue

from errand_gateway.rest.allowance import Allowance, Spent
from errand_gateway.rest.finish_models import Check, DiffStat, FinishCard, Seconds, Usage

Instant = Annotated[str, Field(description="RFC 3339, UTC", json_schema_extra={"format": "date-time"})]
Verbatim = Annotated[str, Field(description="JSON text, character for character as it is stored")]


class User(BaseModel):
    """A person known by the GitHub account."""

    user_id: str
    github_id: int
    github_username: str
    role: str = Field(description="viewer (looks), member (has tasks), admin (and says who may use Errand)")
    created_time: Instant | None = None


class Egress(BaseModel):
    """What a project's tasks reach beside the repository: always by name, over TLS on port 443."""

    mode: str = Field(description="none, allow_list (the presets' hosts and its own), or open (every public host)")
    presets: list[str] = Field(description="Names of lists that come with Errand, from /v1/egress-presets")
    hosts: list[str] = Field(description="Hosts of its own; *.example.com stands for all below example.com")
    allowed_hosts: list[str] = Field(description="What presets and hosts come to")


class ModelChoice(BaseModel):
    """Which model works, and how it is asked; a task goes on to its end as it began."""

    model: str = Field(description="As the model's service calls it; empty: the runner's own")
    effort: str = Field(description="low, medium, high, xhigh or max; empty: the model's own measure")
    thinking_display: str = Field(description="What is shown of its thoughts: summarized or omitted; empty: a summary")
    fallback_model: str = Field(description="The model that goes on, once, where the first declines; empty: none")


class Project(BaseModel):
    """A repository that a user works on."""

    project_id: str
    repo_url: str
    repository: str
    default_branch: str
    created_time: Instant | None = None
    image: str = Field(description="The container image of its tasks; empty for the runner's own")
    setup_script: str = Field(description="Runs once in a fresh workspace, after the clone; empty for none")
    git_host: str = Field(description="The git host that it lies on; empty for GitHub")
    read_repositories: list[str] = Field(description="Further repositories that its tasks may fetch and never push")
    egress: Egress | None = None
    model_choice: ModelChoice | None = None
    check: Check | None = None
    allowance: Allowance | None = Field(None, description="Of its new tasks; of what is 0 as this Errand is set up")
    draft_pull_requests: bool = Field(description="Whether its pull requests are opened as drafts")


class ProjectSecret(BaseModel):
    """What is known of a secret of a project; its value is not told."""

    name: str
    agent_may_read: bool = Field(
        description="False: the setup script alone gets it; true: what Claude runs gets it too, so Claude can read it"
    )
    set_time: Instant | None = None


class Repository(BaseModel):
    """A repository at GitHub, which may or may not be a project."""

    repository: str
    default_branch: str
    private: bool
    may_push: bool


class GitCredential(BaseModel):
    """What a person uses at a git host beside GitHub; the secret is never shown."""

    host: str
    username: str
    created_time: Instant | None = None


class Task(BaseModel):
    """One conversation about one project."""

    task_id: str
    project_id: str
    status: str
    status_reason: str
    prompt: str
    branch: str
    pull_request_url: str
    container_id: str
    failure_reason: str
    usage: Usage | None = None
    diff_stat: DiffStat | None = None
    created_time: Instant | None = None
    started_time: Instant | None = None
    completed_time: Instant | None = None
    wait_reason: str
    resume_time: Instant | None = None
    required_labels: dict[str, str]
    head_commit: str
    checkpoint_commit: str
    blocked_hosts: list[str] = Field(description="Hosts that it asked for and its project did not allow; the first 20")
    model_choice: ModelChoice | None = Field(None, description="Its own; what is empty in it is as in its project")
    allowance: Allowance | None = None
    spent: Spent | None = None
    finish_card: FinishCard | None = Field(default=None, description="Of the last work that succeeded; one task alone")


class Input(BaseModel):
    """What a person added while a task lives."""

    input_id: str
    task_id: str
    text: str
    taken: bool
    kind: str
    removed: bool
    created_time: Instant | None = None


class Blob(BaseModel):
    """Content of more than 64 KiB, read at /v1/tasks/{task_id}/blobs/{sha256}."""

    sha256: str
    size_bytes: int


class Message(BaseModel):
    """One entry of the transcript with the model."""

    message_id: str
    task_id: str
    role: str
    content: Verbatim
    usage: Usage | None = None
    model: str
    stop_reason: str
    created_time: Instant | None = None
    content_blob: Blob | None = None
    replaces_message_id: str


class ToolCall(BaseModel):
    """One tool run."""

    tool_call_id: str
    task_id: str
    tool_name: str
    input: Verbatim
    output: Verbatim
    is_error: bool
    duration: Seconds | None = None
    created_time: Instant | None = None
    input_blob: Blob | None = None
    output_blob: Blob | None = None


class Event(BaseModel):
    """One durable fact about a task. Ignore a `kind` that you do not know."""

    cursor: str
    task_id: str
    attempt_id: str
    created_time: Instant | None = None
    kind: str = Field(description="The name of the fact in the contract's EventBody")
    detail: dict[str, JsonValue] = Field(description="The fact's own fields, as in the contract")
