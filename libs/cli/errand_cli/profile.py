"""Where the scheduler is, whose certificate it has, and the token to ask it with: kept for the commands to come."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from errand_common import addresses
from errand_common.errors import Invalid, Unauthenticated

ADDRESS, CA_FILE, TOKEN = "ERRAND_SCHEDULER", "ERRAND_CA_FILE", "ERRAND_TOKEN"
"""Variables that go before what is kept."""
NAME = "ERRAND_PROFILE"
"""Which of several is meant, where there are several schedulers, or several tokens for one."""
_NAMED = re.compile(r"[a-z0-9-]{1,32}")


@dataclass(frozen=True)
class Profile:
    """`scheduler` is host:port, `ca` a certificate as PEM."""

    scheduler: str
    ca: str = field(repr=False)
    token: str = field(repr=False)


def path(environ: Mapping[str, str]) -> Path:
    """Where it is kept. Raises Invalid for a name that is none."""
    base = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    name = environ.get(NAME) or "profile"
    if not _NAMED.fullmatch(name):
        raise Invalid(f"{NAME}={name[:40]} is no name; it has 1 to 32 of a-z, 0-9 and -, such as {NAME}=work")
    return Path(base) / "errand" / f"{name}.json"


def is_given(environ: Mapping[str, str]) -> bool:
    """Whether somebody signed in, or the environment says anything of it."""
    return path(environ).exists() or any(environ.get(name) for name in (ADDRESS, CA_FILE, TOKEN))


def load(environ: Mapping[str, str]) -> Profile:
    """What is kept, and before it what the environment says. Raises Unauthenticated where something is missing, Invalid
    for what cannot be used."""
    kept = _kept(path(environ))
    ca_file = environ.get(CA_FILE, "")
    found = {
        ADDRESS: environ.get(ADDRESS) or kept.get("scheduler", ""),
        CA_FILE: read_ca(Path(ca_file)) if ca_file else kept.get("ca", ""),
        TOKEN: environ.get(TOKEN) or kept.get("token", ""),
    }
    if missing := [name for name, value in found.items() if not value]:
        raise Unauthenticated(
            f"you are not signed in here: run errand login, or set {', '.join(missing)}; on the scheduler's own host"
            " ERRAND_DATA, its data folder, is enough"
        )
    return Profile(checked_address(found[ADDRESS]), found[CA_FILE], found[TOKEN])


def save(profile: Profile, environ: Mapping[str, str]) -> Path:
    """Keep it for its owner alone, in the place of an earlier one. Raises Invalid where that cannot be written."""
    place = path(environ)
    part = place.with_name(f"{place.name}.part")
    content = json.dumps({"scheduler": profile.scheduler, "ca": profile.ca, "token": profile.token})
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content + "\n")
        part.replace(place)
    except OSError as exc:
        raise Invalid(f"{place} cannot be written ({exc}); set XDG_CONFIG_HOME to a folder that can") from exc
    return place


def forget(environ: Mapping[str, str]) -> bool:
    """Whether there was one."""
    place = path(environ)
    found = place.exists()
    place.unlink(missing_ok=True)
    return found


def checked_address(address: str) -> str:
    """Raises Invalid."""
    try:
        return addresses.dialled(address.strip())
    except ValueError as exc:
        raise Invalid(
            f'"{address[:80]}" is no address of a scheduler; it is host:port, such as errand.lan:7443'
        ) from exc


def read_ca(file: Path) -> str:
    """The certificate in a file. Raises Invalid."""
    try:
        text = file.expanduser().read_text()
    except (OSError, UnicodeDecodeError) as exc:
        raise Invalid(
            f"the scheduler's certificate in {file} cannot be read ({exc}); it keeps it as tls/ca.pem"
        ) from exc
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise Invalid(f"{file} holds no certificate; the scheduler keeps its own as tls/ca.pem in its data folder")
    return text


def _kept(place: Path) -> Mapping[str, str]:
    try:
        found = json.loads(place.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise Invalid(f"{place} cannot be read ({exc}); run errand login again") from exc
    if not isinstance(found, dict):
        raise Invalid(f"{place} holds no profile; run errand login again")
    return {str(name): str(value) for name, value in found.items()}
