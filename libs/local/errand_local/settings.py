"""What the operator of one host sets: a file of variables beside the environment, which counts first."""

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from pydantic import Field, field_validator, model_validator

from errand_common import addresses, config
from errand_common.config import ConfigError, Settings


class LocalSettings(Settings):
    """What is common to the services of one host. Every other variable is passed on to the service that reads it."""

    data: Path = Field(
        Path("data"),
        alias="ERRAND_DATA",
        description="the one folder that holds everything of this Errand",
        examples=["/var/lib/errand"],
    )
    gateway_listen: str = Field(
        "127.0.0.1:8080",
        alias="ERRAND_GATEWAY_LISTEN",
        description="host:port on which people reach the gateway",
        examples=["0.0.0.0:8080"],
    )
    scheduler_listen: str = Field(
        "127.0.0.1:7443",
        alias="ERRAND_SCHEDULER_LISTEN",
        description="host:port on which runners of other hosts reach the scheduler",
        examples=["0.0.0.0:7443"],
    )
    scheduler_metrics_listen: str = Field(
        "127.0.0.1:7444",
        alias="ERRAND_SCHEDULER_METRICS_LISTEN",
        description="host:port on which Prometheus finds the scheduler's /metrics",
        examples=["127.0.0.1:7444"],
    )
    gateway_metrics_listen: str = Field(
        "",
        alias="ERRAND_GATEWAY_METRICS_LISTEN",
        description="host:port on which Prometheus finds the gateway's /metrics; empty: nowhere",
        examples=["127.0.0.1:7446"],
    )
    runner_metrics_listen: str = Field(
        "",
        alias="ERRAND_RUNNER_METRICS_LISTEN",
        description="host:port on which Prometheus finds the runner's /metrics; empty: nowhere",
        examples=["127.0.0.1:7445"],
    )
    public_url: str | None = Field(
        None,
        alias="ERRAND_PUBLIC_URL",
        description="the address that phones use",
        examples=["https://errand.example.org"],
    )

    @field_validator("gateway_listen", "scheduler_listen")
    @classmethod
    def _is_host_and_port(cls, value: str) -> str:
        if addresses.split(value)[1] == 0:
            raise ValueError("the other services must know its port; choose one")
        return value

    @model_validator(mode="after")
    def _has_an_address(self) -> "LocalSettings":
        if self.public_url is None and addresses.on_this_host(self.gateway_listen) != self.gateway_listen:
            raise ValueError(
                f"ERRAND_GATEWAY_LISTEN={self.gateway_listen} listens on every address of this host; set"
                " ERRAND_PUBLIC_URL to the one that phones use; for example ERRAND_PUBLIC_URL=http://192.168.1.20:8080"
            )
        return self

    @property
    def url(self) -> str:
        """How people reach the gateway."""
        return self.public_url or f"http://{addresses.on_this_host(self.gateway_listen)}"


def take_up(env_file: Path) -> None:
    """Add what the file says to this process's environment, where that does not say it. Raises ConfigError."""
    if not env_file.exists():
        return
    try:
        found = dotenv_values(env_file)
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{env_file} cannot be read: {exc}") from exc
    for name, value in found.items():
        if value is not None:
            os.environ.setdefault(name, value)


def read() -> LocalSettings:
    """The settings. Raises ConfigError."""
    return config.load(LocalSettings)


def passed_on(kind: type[Settings], given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a service: the variables that it reads, of which `given` are settled. Raises ConfigError."""
    config.load(kind, **given)
    named = {name: os.environ[name] for name in config.variables(kind) if os.environ.get(name)}
    return {**named, **given}
