"""Settings: read from the environment once, typed, frozen; a wrong one stops the start with its name and an example."""

from typing import Literal, TypeVar, get_args

from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

LogFormat = Literal["json", "console"]


class Settings(BaseSettings):
    """The base of each service's settings: a field's variable is its alias, its first example is shown when wrong."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    log_format: LogFormat | None = Field(
        None,
        alias="ERRAND_LOG_FORMAT",
        description="json or console (for people); unset: console on a terminal, else json",
        examples=["console"],
    )


SettingsT = TypeVar("SettingsT", bound=Settings)


class ConfigError(Exception):
    """A setting is missing or wrong; the message names the variable, what was found and an example."""


def load(kind: type[SettingsT], **given: str) -> SettingsT:
    """Read `kind` from the environment; a variable that is `given` counts as such. Raises ConfigError."""
    try:
        return kind(**given)  # type: ignore[arg-type]  # the variables' names are the fields' aliases
    except ValidationError as exc:
        raise ConfigError("\n".join(_explain(kind, dict(error)) for error in exc.errors())) from exc


def variables(kind: type[Settings]) -> dict[str, FieldInfo]:
    """The fields of `kind` by the names of their variables."""
    return {field.alias: field for field in kind.model_fields.values() if field.alias}


def _explain(kind: type[Settings], error: dict[str, object]) -> str:
    location = error["loc"]
    if not isinstance(location, tuple) or not location:
        # A rule over several settings names them itself; what was found could hold a secret.
        return str(error["msg"]).removeprefix("Value error, ")
    field = _field(kind, str(location[0]))
    name = (field.alias if field else None) or str(location[0])
    example = f"; for example {name}={field.examples[0]}" if field and field.examples else ""
    return f"{name} {_found(field, error)}{example}"


def _field(kind: type[Settings], name: str) -> FieldInfo | None:
    return kind.model_fields.get(name) or variables(kind).get(name)


def _found(field: FieldInfo | None, error: dict[str, object]) -> str:
    if error["type"] == "missing":
        return "is not set"
    words = str(error["msg"]).removeprefix("Value error, ")
    secret = field is not None and SecretStr in (field.annotation, *get_args(field.annotation))
    return f"is wrong: {words}" if secret else f"is {error['input']!r}: {words}"
