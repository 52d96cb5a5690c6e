"""What the gateway is told by its environment."""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import NoDecode

from errand_common import addresses
from errand_common.config import Settings

_WHOLE_APP = (
    "set both from the page of the OAuth app at GitHub, for example ERRAND_GITHUB_CLIENT_ID=Iv23liAbCdEfGhIjKlMn and "
    "ERRAND_GITHUB_CLIENT_SECRET=0a1b2c..., or neither where people sign in by link alone"
)


class GatewaySettings(Settings):
    """The gateway's settings."""

    listen: str = Field(
        default="127.0.0.1:8080",
        alias="ERRAND_LISTEN",
        description="host:port to serve on; port 0 takes a free one",
        examples=["127.0.0.1:8080"],
    )
    address_file: Path | None = Field(
        default=None,
        alias="ERRAND_ADDRESS_FILE",
        description="where to write the host:port that was bound",
        examples=["/run/errand/gateway.address"],
    )
    metrics_listen: str = Field(
        default="",
        alias="ERRAND_METRICS_LISTEN",
        description="host:port on which Prometheus finds /metrics, which anybody there may read; empty: none",
        examples=["127.0.0.1:7446"],
    )
    public_url: str | None = Field(
        default=None,
        alias="ERRAND_PUBLIC_URL",
        description="how browsers reach the gateway; unset: http:// and the bound address",
        examples=["https://errand.example.org"],
    )
    scheduler: str = Field(
        default="127.0.0.1:7443",
        alias="ERRAND_SCHEDULER",
        description="host:port of the scheduler",
        examples=["127.0.0.1:7443"],
    )
    ca_file: Path = Field(
        alias="ERRAND_CA_FILE",
        description="the scheduler's CA certificate, PEM",
        examples=["/var/lib/errand/scheduler/credentials/gateway/ca.pem"],
    )
    token_file: Path = Field(
        alias="ERRAND_TOKEN_FILE",
        description="the gateway's service token",
        examples=["/var/lib/errand/scheduler/credentials/gateway/token"],
    )
    github_url: str = Field(
        default="https://github.com",
        alias="ERRAND_GITHUB_URL",
        description="where people sign in",
        examples=["https://github.com"],
    )
    github_client_id: str | None = Field(
        default=None,
        alias="ERRAND_GITHUB_CLIENT_ID",
        description="the id of this Errand's app at GitHub; unset where people sign in by link alone",
        examples=["Iv23liAbCdEfGhIjKlMn"],
    )
    github_client_secret: SecretStr | None = Field(
        default=None,
        alias="ERRAND_GITHUB_CLIENT_SECRET",
        description="the secret of this Errand's app at GitHub; set together with its id",
        examples=["<the secret from the app's settings page>"],
    )
    app_redirects: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("errand://signed-in",),
        alias="ERRAND_APP_REDIRECTS",
        description="comma-separated addresses that a signed-in app may be sent back to",
        examples=["errand://signed-in,https://app.example.org/signed-in"],
    )

    @field_validator("scheduler")
    @classmethod
    def _can_be_dialled(cls, value: str) -> str:
        return addresses.dialled(value)

    @field_validator("listen", "metrics_listen")
    @classmethod
    def _is_address(cls, value: str, info: ValidationInfo) -> str:
        if value or info.field_name == "listen":
            addresses.split(value)
        return value

    @field_validator("public_url", "github_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        return None if value is None else addresses.web(value)

    @model_validator(mode="after")
    def _has_a_whole_app(self) -> Self:
        if self.github_client_secret is not None and self.github_client_id is None:
            raise ValueError(f"ERRAND_GITHUB_CLIENT_SECRET is set and ERRAND_GITHUB_CLIENT_ID is not; {_WHOLE_APP}")
        if self.github_client_id is not None and self.github_client_secret is None:
            raise ValueError(f"ERRAND_GITHUB_CLIENT_ID is set and ERRAND_GITHUB_CLIENT_SECRET is not; {_WHOLE_APP}")
        return self

    @field_validator("app_redirects", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("app_redirects")
    @classmethod
    def _are_absolute(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for redirect in value:
            if not urlsplit(redirect).scheme or "#" in redirect:
                raise ValueError(f"{redirect!r} must be an address with a scheme and without a #fragment")
        return value
