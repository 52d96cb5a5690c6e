"""From settings to services that answer: started, waited for, and told where to sign in."""

import os
import subprocess
import sys
from collections.abc import Mapping

from errand_local.layout import Layout, alone
from errand_local.services import environments
from errand_local.settings import LocalSettings
from errand_local.start import NotUp, Start, ailing
from errand_local.supervision import Supervision, plain_environment


def up(settings: LocalSettings) -> None:
    """Start everything, or start it anew where the settings changed; then print where it is. Raises NotUp."""
    layout = Layout(settings.data.absolute())
    supervision = Supervision(layout)
    wanted = environments(settings, layout)
    with alone(layout):
        if supervision.running() and supervision.differs(wanted):
            _say("the settings or the code changed: starting anew")
            supervision.stop()
        if supervision.running():
            # One that fails is tried again and again already: the others go on serving.
            for words in ailing(wanted):
                _say(words)
        else:
            _say(f"starting scheduler, gateway and runner; everything is kept in {layout.root}")
            start = Start.now(supervision, layout)
            supervision.prepare(wanted)
            _clear(layout)
            supervision.start()
            start.wait(wanted)
        print_link(wanted["scheduler"])
    _say("make logs shows what happens, make link prints another link, make down stops it")


def run(settings: LocalSettings) -> None:
    """The same in the foreground, for an init system; becomes supervisord. Raises ConfigError."""
    layout = Layout(settings.data.absolute())
    supervision = Supervision(layout)
    wanted = environments(settings, layout)
    with alone(layout):
        supervision.prepare(wanted)
    command = supervision.command(foreground=True)
    os.execve(command[0], command, plain_environment())  # noqa: S606


def down(settings: LocalSettings) -> None:
    """Stop everything. What is at work is taken up by the next start."""
    layout = Layout(settings.data.absolute())
    stopped = False
    if layout.local.exists():
        with alone(layout):
            stopped = Supervision(layout).stop()
    _say("stopped; make up starts it again" if stopped else f"nothing runs from {settings.data.absolute()}")


def print_link(scheduler: Mapping[str, str]) -> None:
    """Have the scheduler's own program print a sign-in link. Raises NotUp."""
    command = [sys.executable, "-m", "errand_scheduler", "link"]
    done = subprocess.run(command, env={**plain_environment(), **scheduler}, check=False)
    if done.returncode != 0:
        raise NotUp("there is no sign-in link (the cause is above); make link tries again")


def keep(scheduler: Mapping[str, str], command: str, *arguments: str) -> None:
    """Have the scheduler's own program see to what is kept: a backup, its return, other keys. Raises NotUp."""
    program = [sys.executable, "-m", "errand_scheduler", command, *arguments]
    done = subprocess.run(program, env={**plain_environment(), **scheduler}, check=False)
    if done.returncode != 0:
        raise NotUp(f"the {command} was not done (the cause is above)")


def _clear(layout: Layout) -> None:
    """What an earlier run wrote must not be taken for this one's."""
    for left in (layout.scheduler / "scheduler.address", layout.runner / "session"):
        left.unlink(missing_ok=True)


def _say(words: str) -> None:
    print(f"errand: {words}", file=sys.stderr)
