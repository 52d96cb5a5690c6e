"""From settings to services that answer: started, waited for, and told where to sign in."""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NoReturn

from errand_local.layout import SERVICES, Layout
from errand_local.services import environments
from errand_local.settings import LocalSettings
from errand_local.supervision import State, Supervision, plain_environment

_READY_S = 90.0
_LOOK_S = 0.3
_LAST_LINES = 200
_SHOWN_LINES = 5


class NotUp(Exception):
    """A service does not come up; the message holds its own words."""


def up(settings: LocalSettings) -> None:
    """Start everything, or start it anew where the settings changed; then print where it is. Raises NotUp."""
    layout = Layout(settings.data.absolute())
    supervision = Supervision(layout)
    wanted = environments(settings, layout)
    changed = supervision.prepare(wanted)
    running = supervision.running()
    if running and changed:
        _say("the settings changed: starting anew")
        supervision.stop()
    if not running or changed:
        _say(f"starting scheduler, gateway and runner; everything is kept in {layout.root}")
        _clear_addresses(layout)
        supervision.start()
    _wait(supervision, layout, wanted)
    print_link(wanted["scheduler"])
    _say("make logs shows what happens, make link prints another link, make down stops it")


def run(settings: LocalSettings) -> None:
    """The same in the foreground, for an init system; becomes supervisord. Raises ConfigError."""
    layout = Layout(settings.data.absolute())
    supervision = Supervision(layout)
    supervision.prepare(environments(settings, layout))
    command = supervision.command(foreground=True)
    os.execve(command[0], command, plain_environment())  # noqa: S606


def down(settings: LocalSettings) -> None:
    """Stop everything. What is at work is taken up by the next start."""
    stopped = Supervision(Layout(settings.data.absolute())).stop()
    _say("stopped; make up starts it again" if stopped else f"nothing runs from {settings.data.absolute()}")


def print_link(scheduler: Mapping[str, str]) -> None:
    """Have the scheduler's own program print a sign-in link. Raises NotUp."""
    command = [sys.executable, "-m", "errand_scheduler", "link"]
    done = subprocess.run(command, env={**plain_environment(), **scheduler}, check=False)
    if done.returncode != 0:
        raise NotUp("there is no sign-in link (the cause is above); make link tries again")


def _clear_addresses(layout: Layout) -> None:
    """What an earlier run wrote must not be taken for this one's."""
    for left in (layout.scheduler / "scheduler.address", layout.runner / "session"):
        left.unlink(missing_ok=True)


def _wait(supervision: Supervision, layout: Layout, wanted: Mapping[str, Mapping[str, str]]) -> None:
    """Until every service says that it is well. Where one cannot start, nothing is left running."""
    give_up_s = time.monotonic() + _READY_S
    for name in SERVICES:
        while not _healthy(name, wanted[name]):
            failing = [state for state in supervision.states() if state.failing]
            if failing:
                _give_up(supervision, layout, failing)
            if time.monotonic() > give_up_s:
                raise NotUp(
                    f"the {name} does not answer within {_READY_S:.0f} s; make logs says why, make down stops it"
                )
            time.sleep(_LOOK_S)
    # One may have served for a moment before it found out that it cannot.
    if failing := [state for state in supervision.states() if state.failing]:
        _give_up(supervision, layout, failing)


def _give_up(supervision: Supervision, layout: Layout, failing: Sequence[State]) -> NoReturn:
    supervision.stop()
    raise NotUp("\n".join(_why(state, layout) for state in failing))


def _healthy(name: str, environment: Mapping[str, str]) -> bool:
    command = [sys.executable, "-m", f"errand_{name}", "healthy"]
    done = subprocess.run(command, env={**plain_environment(), **environment}, capture_output=True, check=False)
    return done.returncode == 0


def _why(state: State, layout: Layout) -> str:
    log = layout.log(state.name)
    last = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
    if reasons := _refusal(last):
        return f"the {state.name} cannot start: {reasons}"
    return "\n".join([f"the {state.name} ended by itself; the end of {log}:", *last[-_SHOWN_LINES:]])


def _refusal(lines: Sequence[str]) -> str:
    """The reasons that a service gave for not starting, if they are the last that it said."""
    said = itertools.takewhile(lambda reason: reason is not None, map(refused_start, reversed(lines)))
    return "\n".join(reversed(dict.fromkeys(filter(None, said))))


def refused_start(line: str) -> str | None:
    """The reason that a line of a log gives for a start that was refused; none of any other line."""
    try:
        found = json.loads(line)
    except ValueError:
        # Logged for people: the words stand alone.
        return None
    if not isinstance(found, dict) or found.get("event") != "start_refused":
        return None
    return str(found.get("error", ""))


def _say(words: str) -> None:
    print(f"errand: {words}", file=sys.stderr)
