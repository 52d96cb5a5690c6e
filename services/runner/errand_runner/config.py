"""The runner's settings."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from errand_common import addresses, labels
from errand_common.config import Settings
from errand_common.disk import GIB


class RunnerSettings(Settings):
    """Everything that the runner reads from its environment."""

    data: Path = Field(
        Path("data/runner"),
        alias="ERRAND_DATA",
        description="the runner's state; its path must be the same for the Docker engine, and short",
        examples=["/var/lib/errand/runner"],
    )
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
    slots: int = Field(
        2, alias="ERRAND_SLOTS", description="how many tasks this host works on at once", ge=1, le=1000, examples=["2"]
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
    model: str = Field(
        "claude-sonnet-5-5",
        alias="ERRAND_MODEL",
        description="the model that works on the tasks",
        min_length=1,
        examples=["claude-sonnet-5-5"],
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
    min_free_bytes: int = Field(
        GIB,
        alias="ERRAND_MIN_FREE_BYTES",
        description="with less free on the disks of ERRAND_DATA and of Docker no task is begun; 0 looks at no disk",
        ge=0,
        examples=[str(GIB)],
    )
    git_patience_seconds: float = Field(
        900.0,
        alias="ERRAND_GIT_PATIENCE_SECONDS",
        description="how long a clone, push or pull request is tried again while GitHub does not answer",
        ge=0,
        examples=["900"],
    )

    @field_validator("scheduler")
    @classmethod
    def _can_be_dialled(cls, value: str) -> str:
        return addresses.dialled(value)

    @field_validator("labels")
    @classmethod
    def _are_labels(cls, value: str) -> str:
        own = labels.parse(value)
        if labels.MODEL_KEY in own:
            raise ValueError(f"every runner sets {labels.MODEL_KEY} by itself; leave it out")
        labels.check({**own, labels.MODEL_KEY: labels.YES})
        return value

    @property
    def offered_labels(self) -> dict[str, str]:
        """What the scheduler is told that tasks may ask for."""
        return labels.parse(self.labels) | {labels.MODEL_KEY: labels.YES}
