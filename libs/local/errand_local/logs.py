"""The services' logs, followed and shown for people."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from errand_local.layout import SERVICES, Layout

_LINES = 100


def follow(layout: Layout, *, raw: bool) -> None:
    """Show the last lines of every service and then what comes, until Ctrl-C. `raw` leaves the lines as they are."""
    if not any(layout.log(name).exists() for name in SERVICES):
        print(f"nothing has run from {layout.root} yet; make up starts it", file=sys.stderr)
        return
    render = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), sort_keys=False)
    with _tail(layout) as lines:
        for line in lines:
            print(line if raw else shown(line, render), flush=True)


def shown(line: str, render: structlog.dev.ConsoleRenderer) -> str:
    """A JSON line as a line for people; anything else as it is."""
    try:
        event = json.loads(line)
    except ValueError:
        return line
    return render(None, "", event) if isinstance(event, dict) and "event" in event else line


@contextmanager
def _tail(layout: Layout) -> Iterator[Iterator[str]]:
    # By name and again and again: supervisord rotates the files, and a service may not have begun its own yet.
    command = ["tail", "--quiet", "--lines", str(_LINES), "--follow=name", "--retry"]
    files = [str(layout.log(name)) for name in SERVICES]
    tail = subprocess.Popen([*command, *files], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert tail.stdout is not None
    try:
        yield (line.rstrip("\n") for line in tail.stdout)
    finally:
        tail.terminate()
        tail.wait()
        tail.stdout.close()
