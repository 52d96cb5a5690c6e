"""The presets of a project's egress, read once from the file beside this one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

import yaml

from errand_common import hosts

DEFAULT = ("packages",)
"""What a new project allows; the database's own default (store/migrations) says the same."""


@dataclass(frozen=True)
class Preset:
    """Hosts that are allowed by one name."""

    name: str
    title: str
    hosts: tuple[str, ...]


@cache
def presets() -> Mapping[str, Preset]:
    """All of them by name, in the file's order. Raises ValueError where the file is wrong."""
    written = yaml.safe_load(files("errand_scheduler").joinpath("presets.yaml").read_text("utf-8"))
    own = {name: each.get("hosts", []) for name, each in written.items()}
    return {
        name: Preset(name, each["title"], _sorted([*own[name], *_included(each.get("includes", []), own)]))
        for name, each in written.items()
    }


# Asked for with every assignment, of which few differ in this.
@lru_cache(maxsize=1024)
def allowed_hosts(names: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """What presets and a project's own hosts come to. A preset that is no more stands for nothing."""
    known = presets()
    listed = [host for name in names if name in known for host in known[name].hosts]
    return _sorted([*listed, *own])


def _included(names: Iterable[str], own: Mapping[str, list[str]]) -> list[str]:
    return [host for name in names for host in own[name]]


def _sorted(patterns: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({hosts.parse_pattern(each) for each in patterns}))
