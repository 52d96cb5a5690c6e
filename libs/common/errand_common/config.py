"""Settings: read from the environment once, typed, frozen; a wrong one stops the start with its name and an example."""

from typing import Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The base of each service's settings: a field's variable is its alias, its first example is shown when wrong."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    log_format: Literal["json", "console"] = Field("json", alias="ERRAND_LOG_FORMAT", examples=["console"])


SettingsT = TypeVar("SettingsT", bound=Settings)


class ConfigError(Exception):
    """A setting is missing or wrong; the message names the variable, what was found and an example."""


def load(kind: type[SettingsT]) -> SettingsT:
    """Read `kind` from the environment. Raises ConfigError."""
    try:
        return kind()
    except ValidationError as exc:
        raise ConfigError("\n".join(_explain(kind, dict(error)) for error in exc.errors())) from exc


def _explain(kind: type[Settings], error: dict[str, object]) -> str:
    location = error["loc"]
    name = str(location[0]) if isinstance(location, tuple) and location else "the environment"
    examples = [
        str(field.examples[0])
        for key, field in kind.model_fields.items()
        if field.examples and name in (key, field.alias)
    ]
    found = "is not set" if error["type"] == "missing" else f"is {error['input']!r}: {error['msg']}"
    return f"{name} {found}" + (f"; for example {name}={examples[0]}" if examples else "")
