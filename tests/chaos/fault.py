"""A fault by its name: what is done to a running Errand, and the list of all of them."""

import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.chaos.trial import Trial

Play = Callable[[Trial], Awaitable[None]]

FAULTS: dict[str, "Fault"] = {}
"""In the order of their names, once tests.chaos.scenarios was imported."""


@dataclass(frozen=True)
class Fault:
    """One injection with what must hold then. What is `quick` is in `make test` too."""

    name: str
    words: str
    play: Play
    quick: bool
    needs: tuple[str, ...]
    """Programs, or `root`, without which it cannot be done on a machine."""


def fault(name: str, words: str, *, quick: bool = False, needs: tuple[str, ...] = ()) -> Callable[[Play], Play]:
    """Enters a scenario into the list, under a name that no other has."""

    def enter(play: Play) -> Play:
        assert name not in FAULTS, f"{name} has two scenarios"
        FAULTS[name] = Fault(name, words, play, quick, needs)
        return play

    return enter


def chosen(only: str) -> list[Fault]:
    """Those whose names stand in a comma-separated list, or all. Raises KeyError for a name that there is not."""
    names = [name.strip() for name in only.split(",") if name.strip()] or list(FAULTS)
    return [FAULTS[name] for name in sorted(names, key=lambda name: int(name[1:]))]


def lacking(*needs: str) -> str:
    """What of it a machine lacks, in words; empty where it lacks nothing."""
    missing = [name for name in needs if not (os.geteuid() == 0 if name == "root" else shutil.which(name))]
    return " and ".join(missing)
