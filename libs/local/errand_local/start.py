"""A start under way: waited for until every service is well, or told why one is not."""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from errand_local.layout import SERVICES, Layout
from errand_local.supervision import State, Supervision, plain_environment

_READY_S = 90.0
_LOOK_S = 0.3
_SHOWN_LINES = 5

Environments = Mapping[str, Mapping[str, str]]


class NotUp(Exception):
    """A service does not come up; the message holds its own words."""


@dataclass(frozen=True)
class Start:
    """`began` is where in its log each service's part of this start begins, in bytes."""

    supervision: Supervision
    layout: Layout
    began: Mapping[str, int]

    @classmethod
    def now(cls, supervision: Supervision, layout: Layout) -> Self:
        """One that begins now: what the logs hold already is not of it."""
        return cls(supervision, layout, {name: _size(layout.log(name)) for name in SERVICES})

    def wait(self, wanted: Environments) -> None:
        """Until every service says that it is well. Raises NotUp."""
        give_up_s = time.monotonic() + _READY_S
        for name in SERVICES:
            while not _healthy(name, wanted[name]):
                self._check()
                if time.monotonic() > give_up_s:
                    raise NotUp(
                        f"the {name} does not answer within {_READY_S:.0f} s ({_words(name, wanted[name])});"
                        " make logs says more, make down stops it"
                    )
                time.sleep(_LOOK_S)
        # One may have served for a moment before it found out that it cannot.
        self._check()

    def _check(self) -> None:
        """Raises NotUp, with nothing left running, where a service refused to start or ended by itself."""
        told = [words for state in self.supervision.states() if (words := self._why_not(state))]
        if told:
            self.supervision.stop()
            raise NotUp("\n".join(told))

    def _why_not(self, state: State) -> str:
        """Empty for a service that runs, or still tries to. One that refused may be on its way again already."""
        log = self.layout.log(state.name)
        said = _since(log, self.began[state.name])
        if reasons := _refusal(said):
            return f"the {state.name} cannot start: {reasons}"
        if state.failing:
            return "\n".join([f"the {state.name} ended by itself; the end of {log}:", *said[-_SHOWN_LINES:]])
        return ""


def ailing(wanted: Environments) -> list[str]:
    """What each service says of itself that is not well."""
    return [
        f"the {name} is not well: {_words(name, wanted[name])}" for name in SERVICES if not _healthy(name, wanted[name])
    ]


def _healthy(name: str, environment: Mapping[str, str]) -> bool:
    return _ask(name, environment).returncode == 0


def _words(name: str, environment: Mapping[str, str]) -> str:
    return _ask(name, environment).stderr.strip() or "it gives no reason"


def _ask(name: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", f"errand_{name}", "--log-format=console", "healthy"]
    env = {**plain_environment(), **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def _refusal(lines: Sequence[str]) -> str:
    """The reasons that a service gave for not starting, if they are the last that it said."""
    said = itertools.takewhile(lambda reason: reason is not None, map(_refused_start, reversed(lines)))
    return "\n".join(reversed(dict.fromkeys(filter(None, said))))


def _refused_start(line: str) -> str | None:
    """The reason that a line of a log gives for a start that was refused; none of any other line."""
    try:
        found = json.loads(line)
    except ValueError:
        # Logged for people: the words stand alone.
        return None
    if not isinstance(found, dict) or found.get("event") != "start_refused":
        return None
    return str(found.get("error", ""))


def _since(file: Path, began: int) -> list[str]:
    return file.read_bytes()[began:].decode(errors="replace").splitlines() if file.exists() else []


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
