"""The scheduler's settings."""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from errand_common import addresses
from errand_common.disk import GIB
from errand_scheduler.allowance_settings import AllowanceSettings
from errand_scheduler.tls_settings import TlsSettings

_RUNNER_NAME = re.compile(r"[a-z0-9-]{1,32}")
_APP_ID = re.compile(r"[0-9]{1,20}|[A-Za-z0-9.]{8,64}")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_TWO_WAYS = (
    "for you alone, set ERRAND_GITHUB_TOKEN to a personal token of yours, for example ERRAND_GITHUB_TOKEN=ghp_...; "
    "for people who sign in with GitHub, set ERRAND_GITHUB_CLIENT_ID to the id of an OAuth app, "
    "for example ERRAND_GITHUB_CLIENT_ID=Iv23liAbCdEfGhIjKlMn"
)


class SchedulerSettings(AllowanceSettings, TlsSettings):
    """Read from the environment."""

    data: Path = Field(
        Path("data/scheduler"),
        alias="ERRAND_DATA",
        description="the database, the keys and the credentials of the other services",
        examples=["/var/lib/errand/scheduler"],
    )
    listen: str = Field(
        "127.0.0.1:7443",
        alias="ERRAND_LISTEN",
        description="host:port to serve gRPC on; port 0 takes a free one",
        examples=["0.0.0.0:7443"],
    )
    github_url: str = Field(
        "https://github.com",
        alias="ERRAND_GITHUB_URL",
        description="where repositories are cloned from",
        examples=["https://github.com"],
    )
    github_api_url: str = Field(
        "https://api.github.com",
        alias="ERRAND_GITHUB_API_URL",
        description="where GitHub's API is",
        examples=["https://api.github.com"],
    )
    github_token: SecretStr | None = Field(
        None,
        alias="ERRAND_GITHUB_TOKEN",
        description="a personal GitHub token, whose owner is then the only user; or else ERRAND_GITHUB_CLIENT_ID",
        examples=["ghp_..."],
    )
    github_client_id: str | None = Field(
        None,
        alias="ERRAND_GITHUB_CLIENT_ID",
        description="the id of this Errand's app at GitHub, where people sign in with it; or else ERRAND_GITHUB_TOKEN",
        examples=["Iv23liAbCdEfGhIjKlMn"],
    )
    github_client_secret: SecretStr | None = Field(
        None,
        alias="ERRAND_GITHUB_CLIENT_SECRET",
        description="renews sign-ins that expire, which a GitHub App's do after 8 hours; the gateway needs it too",
        examples=["0123456789abcdef0123456789abcdef01234567"],
    )
    github_app_id: str | None = Field(
        None,
        alias="ERRAND_GITHUB_APP_ID",
        description="the id of a GitHub App of yours, as which work is pushed; with ERRAND_GITHUB_APP_KEY_FILE",
        examples=["123456"],
    )
    github_app_key_file: Path | None = Field(
        None,
        alias="ERRAND_GITHUB_APP_KEY_FILE",
        description="the private key of that app, as GitHub gives it",
        examples=["/run/secrets/errand-app.pem"],
    )
    git_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        alias="ERRAND_GIT_HOSTS",
        description="addresses of other git hosts that people may work with, comma-separated",
        examples=["https://git.example.org,https://gitlab.com"],
    )
    public_url: str = Field(
        "http://127.0.0.1:8080",
        alias="ERRAND_PUBLIC_URL",
        description="how browsers reach the gateway: what a sign-in link begins with",
        examples=["https://errand.example.org"],
    )
    runners: Annotated[tuple[str, ...], NoDecode] = Field(
        ("local",),
        alias="ERRAND_RUNNERS",
        description="comma-separated names of the runner hosts: each has a credential; one taken off loses it",
        examples=["local,big-box"],
    )
    secret_keys_file: Path | None = Field(
        None,
        alias="ERRAND_SECRET_KEYS_FILE",
        description="the keys that seal tokens, one a line, the newest first; unset: made in the data folder",
        examples=["/run/secrets/errand-keys"],
    )
    allowed_users: str = Field(
        "",
        alias="ERRAND_ALLOWED_USERS",
        description="comma-separated GitHub names that may sign in, beside those whom a link admits; not with a token",
        examples=["octocat,hubot"],
    )
    beat_seconds: float = Field(
        5.0,
        alias="ERRAND_BEAT_SECONDS",
        description="the unit of all durations of dispatch; for tests",
        examples=["5"],
        gt=0,
    )
    min_free_bytes: int = Field(
        GIB // 4,
        alias="ERRAND_MIN_FREE_BYTES",
        description="with less free on the disk of ERRAND_DATA nothing new is taken; 0 looks at no disk",
        ge=0,
        examples=[str(GIB // 4)],
    )

    metrics_listen: str = Field(
        "",
        alias="ERRAND_METRICS_LISTEN",
        description="host:port on which Prometheus finds /metrics, which anybody there may read; empty: none",
        examples=["127.0.0.1:7444"],
    )
    retention_days: int = Field(
        365,
        alias="ERRAND_RETENTION_DAYS",
        description="for how many days the record of a task that is over, and the audit log, are kept; 0: for ever",
        ge=0,
        examples=["90"],
    )
    calls_per_second: int = Field(
        50,
        alias="ERRAND_CALLS_PER_SECOND",
        description="how often one credential may call, over a while, and twenty times that at once; 0: any number",
        ge=0,
        examples=["50"],
    )
    max_running_per_user: int = Field(
        20,
        alias="ERRAND_MAX_RUNNING_PER_USER",
        description="how many tasks of one person are worked on at once; more of them wait",
        ge=1,
        examples=["5"],
    )
    max_pending_per_user: int = Field(
        100,
        alias="ERRAND_MAX_PENDING_PER_USER",
        description="how many tasks of one person may wait to be worked on; one more is refused",
        ge=1,
        examples=["20"],
    )

    @field_validator("listen", "metrics_listen")
    @classmethod
    def _is_host_and_port(cls, value: str) -> str:
        if value:
            addresses.split(value)
        return value

    @field_validator("github_url", "github_api_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("must begin with https:// or http://")
        return value.rstrip("/")

    @field_validator("public_url")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        return addresses.web(value)

    @field_validator("github_token")
    @classmethod
    def _can_travel(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("it holds a character that no token has, such as a space; copy it again")
        return value

    @field_validator("github_app_id")
    @classmethod
    def _is_an_app(cls, value: str | None) -> str | None:
        if value is not None and not _APP_ID.fullmatch(value):
            raise ValueError(
                'it is a number, or a client id such as "Iv23liAbCdEfGhIjKlMn"; the app\'s page shows both'
            )
        return value

    @field_validator("git_hosts")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(addresses.web(each) for each in value if each)

    @field_validator("runners", "git_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("runners")
    @classmethod
    def _are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _RUNNER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no runner's name: 1 to 32 of a-z, 0-9 and -")
        if len(set(value)) < len(value):
            raise ValueError("a name stands there twice; every runner has a credential of its own")
        return value

    @model_validator(mode="after")
    def _signs_in_one_way(self) -> Self:
        if self.github_token is None and self.github_client_id is None:
            raise ValueError(f"neither ERRAND_GITHUB_TOKEN nor ERRAND_GITHUB_CLIENT_ID is set: {_TWO_WAYS}")
        if self.github_token is not None and self.github_client_id is not None:
            raise ValueError(f"ERRAND_GITHUB_TOKEN and ERRAND_GITHUB_CLIENT_ID are both set, keep one: {_TWO_WAYS}")
        return self

    @model_validator(mode="after")
    def _has_the_app_whole(self) -> Self:
        if (self.github_app_id is None) != (self.github_app_key_file is None):
            raise ValueError(
                "ERRAND_GITHUB_APP_ID and ERRAND_GITHUB_APP_KEY_FILE belong together and one is not set: for example "
                "ERRAND_GITHUB_APP_ID=123456 ERRAND_GITHUB_APP_KEY_FILE=/run/secrets/errand-app.pem"
            )
        return self

    @property
    def admitted(self) -> frozenset[str]:
        """The GitHub usernames that may sign in, in lower case; none unless somebody is named."""
        names = (name.strip().lower() for name in self.allowed_users.split(","))
        return frozenset(name for name in names if name)

    @property
    def keys_file(self) -> Path:
        """The vault's keys."""
        return self.secret_keys_file or self.data / "secret.keys"
