"""The runner's settings."""

from pathlib import Path

from pydantic import Field, SecretStr

from errand_common.config import Settings


class RunnerSettings(Settings):
    """Everything that the runner reads from its environment."""

    data: Path = Field(Path("data/runner"), alias="ERRAND_DATA", examples=["/var/lib/errand/runner"])
    scheduler: str = Field("127.0.0.1:7443", alias="ERRAND_SCHEDULER", examples=["errand.example.org:7443"])
    ca_file: Path = Field(alias="ERRAND_CA_FILE", examples=["/var/lib/errand/scheduler/tls/ca.pem"])
    token_file: Path = Field(alias="ERRAND_TOKEN_FILE", examples=["/var/lib/errand/scheduler/credentials/runner.token"])
    slots: int = Field(2, alias="ERRAND_SLOTS", ge=1, le=1000, examples=["2"])
    model_key: SecretStr = Field(alias="ANTHROPIC_API_KEY", min_length=1, examples=["sk-ant-..."])
    model_url: str = Field("https://api.anthropic.com", alias="ANTHROPIC_BASE_URL")
    model: str = Field("claude-sonnet-5-5", alias="ERRAND_MODEL", examples=["claude-sonnet-5-5"])
    image: str = Field(alias="ERRAND_SANDBOX_IMAGE", examples=["errand-sandbox:latest"])
