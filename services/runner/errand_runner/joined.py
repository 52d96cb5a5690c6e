"""What a host was told when it joined, kept in its data folder: its settings begin with that."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from errand_common.config import ConfigError
from errand_common.credentials import write_secret

DATA = "ERRAND_DATA"
_IDENTITY = ("ERRAND_SCHEDULER", "ERRAND_CA_FILE", "ERRAND_TOKEN_FILE")
"""What the environment does not change of a host that joined: whose runner it is, and which."""


@dataclass(frozen=True)
class Joined:
    """The place of it. Everything in it is its owner's alone to read; `settings` is written last: it completes."""

    data: Path

    @property
    def folder(self) -> Path:
        """Where all of it is."""
        return self.data / "joined"

    @property
    def settings(self) -> Path:
        """Environment variables and their values, as JSON."""
        return self.folder / "settings.json"

    @property
    def token(self) -> Path:
        """The runner's credential."""
        return self.folder / "token"

    @property
    def ca(self) -> Path:
        """The scheduler's CA, PEM."""
        return self.folder / "ca.pem"

    @property
    def request(self) -> Path:
        """The request of a joining that is under way: sent again, it gets the same answer."""
        return self.folder / "request"

    @property
    def leaving(self) -> Path:
        """There once the scheduler took it that this host leaves: to be refused is what was asked for then. Beside the
        folder, which goes before the runner may have heard of it."""
        return self.data / "leaving"

    @property
    def is_there(self) -> bool:
        """Whether this host has joined."""
        return self.settings.exists()

    def store(self, *, token: str, ca: str, settings: Mapping[str, str]) -> None:
        """Keep it, over a kill and a power cut. Raises OSError."""
        for path, content in (
            (self.ca, ca.strip()),
            (self.token, token),
            (self.settings, json.dumps(settings, indent=1)),
        ):
            # What a joining left that was killed.
            path.unlink(missing_ok=True)
            write_secret(path, content)
        self.request.unlink(missing_ok=True)


def sources(
    kind: type[BaseSettings], given: PydanticBaseSettingsSource, environment: PydanticBaseSettingsSource
) -> tuple[PydanticBaseSettingsSource, ...]:
    """Where settings come from; the first that has one counts. Raises ConfigError."""
    kept = _kept(Path(str(given().get(DATA) or os.environ.get(DATA) or kind.model_fields["data"].default)))
    identity = {name: value for name, value in kept.items() if name in _IDENTITY}
    return given, InitSettingsSource(kind, identity), environment, InitSettingsSource(kind, kept)


def _kept(data: Path) -> dict[str, Any]:
    path = Joined(data).settings
    try:
        kept = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        # Whether the folder itself will do is told by whoever needs it.
        return {}
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path}, which this host got when it joined, cannot be read ({exc}); join anew") from exc
    if not isinstance(kept, dict):
        raise ConfigError(f"{path} does not hold settings; join anew")
    return kept
