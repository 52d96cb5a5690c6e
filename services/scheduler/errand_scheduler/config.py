"""The scheduler's settings."""

from pathlib import Path

from pydantic import Field, field_validator

from errand_common.config import Settings


class SchedulerSettings(Settings):
    """Read from the environment."""

    data: Path = Field(Path("data/scheduler"), alias="ERRAND_DATA", examples=["/var/lib/errand/scheduler"])
    listen: str = Field("127.0.0.1:7443", alias="ERRAND_LISTEN", examples=["0.0.0.0:7443"], pattern=r"^.+:\d+$")
    github_url: str = Field("https://github.com", alias="ERRAND_GITHUB_URL", examples=["https://github.com"])
    github_api_url: str = Field(
        "https://api.github.com", alias="ERRAND_GITHUB_API_URL", examples=["https://api.github.com"]
    )
    secret_keys_file: Path | None = Field(None, alias="ERRAND_SECRET_KEYS_FILE", examples=["/run/secrets/errand-keys"])
    allowed_users: str = Field("", alias="ERRAND_ALLOWED_USERS", examples=["octocat,hubot"])
    beat_seconds: float = Field(5.0, alias="ERRAND_BEAT_SECONDS", examples=["5"], gt=0)

    @field_validator("github_url", "github_api_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("must begin with https:// or http://")
        return value.rstrip("/")

    @property
    def admitted(self) -> frozenset[str]:
        """The GitHub usernames that may sign in, in lower case; none unless somebody is named."""
        names = (name.strip().lower() for name in self.allowed_users.split(","))
        return frozenset(name for name in names if name)

    @property
    def keys_file(self) -> Path:
        """The vault's keys."""
        return self.secret_keys_file or self.data / "secret.keys"
