"""The runner's settings."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from errand_common import addresses, images, labels
from errand_common.config import Settings
from errand_common.disk import GIB
from errand_runner import joined, model_headers
from errand_runner.sandbox.limits import Limits

_LIMITS = Limits()

# More are no pool, but another host.
_MOST_WARM = 100


class HostSettings(Settings):
    """What stands for this host and its sandboxes, whoever the scheduler and the model are."""

    data: Path = Field(
        Path("data/runner"),
        alias="ERRAND_DATA",
        description="the runner's state; its path must be the same for the Docker engine, and short",
        examples=["/var/lib/errand/runner"],
    )
    slots: int = Field(
        2, alias="ERRAND_SLOTS", description="how many tasks this host works on at once", ge=1, le=1000, examples=["2"]
    )
    image: str = Field(
        alias="ERRAND_SANDBOX_IMAGE",
        description="the image of the containers in which the model's commands run",
        min_length=1,
        examples=["errand-sandbox:latest"],
    )
    docker_host: str = Field(
        "unix:///var/run/docker.sock",
        alias="DOCKER_HOST",
        description="the Docker engine of this host, by its unix socket",
        examples=["unix:///var/run/docker.sock"],
    )
    runtime: str = Field(
        "",
        alias="ERRAND_SANDBOX_RUNTIME",
        description="the engine's runtime for sandboxes; empty: its default",
        pattern=r"^[A-Za-z0-9._-]*$",
        examples=["runsc"],
    )
    memory_bytes: int = Field(
        _LIMITS.memory_bytes,
        alias="ERRAND_SANDBOX_MEMORY_BYTES",
        description="the memory that one sandbox may take; what takes more is killed",
        ge=128 << 20,
        examples=[str(_LIMITS.memory_bytes)],
    )
    cpus: float = Field(
        _LIMITS.cpus,
        alias="ERRAND_SANDBOX_CPUS",
        description="how many CPUs one sandbox may keep busy; at most those of the host count",
        ge=0.1,
        le=1024,
        examples=[str(_LIMITS.cpus)],
    )
    pids: int = Field(
        _LIMITS.pids,
        alias="ERRAND_SANDBOX_PIDS",
        description="how many processes and threads one sandbox may have",
        ge=64,
        le=1 << 20,
        examples=[str(_LIMITS.pids)],
    )
    open_files: int = Field(
        _LIMITS.open_files,
        alias="ERRAND_SANDBOX_OPEN_FILES",
        description="how many files one process in a sandbox may have open",
        ge=256,
        le=1 << 20,
        examples=[str(_LIMITS.open_files)],
    )
    file_bytes: int = Field(
        _LIMITS.file_bytes,
        alias="ERRAND_SANDBOX_FILE_BYTES",
        description="how long one file in a sandbox may become",
        ge=32 << 20,
        examples=[str(_LIMITS.file_bytes)],
    )
    workspace_bytes: int = Field(
        _LIMITS.workspace_bytes,
        alias="ERRAND_WORKSPACE_BYTES",
        description="the disk that a workspace may take; the command that passes it is killed; 0 watches nothing",
        ge=0,
        examples=[str(_LIMITS.workspace_bytes)],
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """A host that joined knows some of them."""
        return joined.sources(settings_cls, init_settings, env_settings)

    @property
    def limits(self) -> Limits:
        """Of each sandbox."""
        return Limits(
            memory_bytes=self.memory_bytes,
            cpus=self.cpus,
            pids=self.pids,
            open_files=self.open_files,
            file_bytes=self.file_bytes,
            workspace_bytes=self.workspace_bytes,
        )


class RunnerSettings(HostSettings):
    """Everything that the runner reads from its environment."""

    scheduler: str = Field(
        "127.0.0.1:7443",
        alias="ERRAND_SCHEDULER",
        description="host:port of the scheduler",
        examples=["errand.example.org:7443"],
    )
    ca_file: Path = Field(
        alias="ERRAND_CA_FILE",
        description="the scheduler's CA certificate, PEM",
        examples=["/var/lib/errand/scheduler/credentials/runners/local/ca.pem"],
    )
    token_file: Path = Field(
        alias="ERRAND_TOKEN_FILE",
        description="the runner's credential",
        examples=["/var/lib/errand/scheduler/credentials/runners/local/token"],
    )
    labels: str = Field(
        "",
        alias="ERRAND_LABELS",
        description="what tasks may ask of this host, as key=value, comma-separated",
        examples=["region=eu,gpu=no"],
    )
    model_key: SecretStr = Field(
        alias="ANTHROPIC_API_KEY", description="the key for Claude's API", min_length=1, examples=["sk-ant-..."]
    )
    model_url: str = Field(
        "https://api.anthropic.com",
        alias="ANTHROPIC_BASE_URL",
        description="where Claude's API, or one that speaks it, is",
        pattern=r"^https?://.+",
        examples=["https://api.anthropic.com"],
    )
    model_headers: SecretStr = Field(
        SecretStr(""),
        alias="ANTHROPIC_CUSTOM_HEADERS",
        description="further headers for that service, a line each",
        examples=["x-api-key: sk-..."],
    )
    model: str = Field(
        "claude-sonnet-5-5",
        alias="ERRAND_MODEL",
        description="the model that works on the tasks of projects that choose none",
        min_length=1,
        examples=["claude-sonnet-5-5"],
    )
    image_pull: Literal["missing", "never"] = Field(
        "missing",
        alias="ERRAND_IMAGE_PULL",
        description="whether a project's image that is not on this host is pulled (missing), or refused (never)",
        examples=["never"],
    )
    metrics_listen: str = Field(
        "",
        alias="ERRAND_METRICS_LISTEN",
        description="host:port on which Prometheus finds /metrics, which anybody there may read; empty: none",
        examples=["127.0.0.1:7445"],
    )
    min_free_bytes: int = Field(
        GIB,
        alias="ERRAND_MIN_FREE_BYTES",
        description="with less free on the disks of ERRAND_DATA and of Docker no task is begun; 0 looks at no disk",
        ge=0,
        examples=[str(GIB)],
    )
    workspace_days: int = Field(
        7,
        alias="ERRAND_WORKSPACE_DAYS",
        description="for how many days after its last use a task's workspace is kept for a follow-up; 0: for ever",
        ge=0,
        examples=["7"],
    )
    max_workspaces: int = Field(
        50,
        alias="ERRAND_MAX_WORKSPACES",
        description="how many workspaces are kept; of more the least recently used go first; 0: any number",
        ge=0,
        examples=["50"],
    )
    git_patience_seconds: float = Field(
        900.0,
        alias="ERRAND_GIT_PATIENCE_SECONDS",
        description="how long a clone, push or pull request is tried again while GitHub does not answer",
        ge=0,
        examples=["900"],
    )

    engine_patience_seconds: float = Field(
        900.0,
        alias="ERRAND_ENGINE_PATIENCE_SECONDS",
        description="how long a task that works waits for a Docker engine that does not answer, before it fails",
        ge=0,
        examples=["900"],
    )

    warm_sandboxes: str = Field(
        "1",
        alias="ERRAND_WARM_SANDBOXES",
        description="how many sandboxes wait for new tasks, of the usual image or as image=number,...; 0: none",
        examples=["1", "errand-sandbox:latest=2,node:22=1"],
    )

    @field_validator("scheduler")
    @classmethod
    def _can_be_dialled(cls, value: str) -> str:
        return addresses.dialled(value)

    @field_validator("metrics_listen")
    @classmethod
    def _is_host_and_port(cls, value: str) -> str:
        if value:
            addresses.split(value)
        return value

    @field_validator("labels")
    @classmethod
    def _are_labels(cls, value: str) -> str:
        own = labels.parse(value)
        if labels.MODEL_KEY in own:
            raise ValueError(f"every runner sets {labels.MODEL_KEY} by itself; leave it out")
        labels.check({**own, labels.MODEL_KEY: labels.YES})
        return value

    @field_validator("model_headers")
    @classmethod
    def _are_headers(cls, value: SecretStr) -> SecretStr:
        model_headers.parse(value.get_secret_value())
        return value

    @field_validator("warm_sandboxes")
    @classmethod
    def _is_a_number_of_images(cls, value: str) -> str:
        _numbers(value, usual="usual")
        return value

    @property
    def warm(self) -> dict[str, int]:
        """How many sandboxes of which image are made ahead."""
        return _numbers(self.warm_sandboxes, usual=self.image)

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every request to the model's service."""
        return model_headers.parse(self.model_headers.get_secret_value())

    @property
    def offered_labels(self) -> dict[str, str]:
        """What the scheduler is told that tasks may ask for."""
        return labels.parse(self.labels) | {labels.MODEL_KEY: labels.YES}


def _numbers(value: str, *, usual: str) -> dict[str, int]:
    """By image, those that are more than 0. Raises ValueError."""
    found: dict[str, int] = {}
    for part in value.split(","):
        image, _, number = part.strip().rpartition("=")
        if not (number.isascii() and number.isdigit()):
            raise ValueError(f'"{part.strip()}" is no number, and no image=number')
        if int(number) > _MOST_WARM:
            raise ValueError(f"{number} sandboxes that wait are too many; at most {_MOST_WARM}")
        # As projects name it.
        found[str(images.parse(image)) if image else usual] = int(number)
    return {image: number for image, number in found.items() if number}
