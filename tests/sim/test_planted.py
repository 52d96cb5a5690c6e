"""The simulator finds bugs: each of these is planted alone. All of them: `make simulate PLANTED=1`."""

import subprocess
import sys

import pytest

# Those that are found within a few schedules on any tree, of each kind some.
_QUICK = (
    "ack before commit",
    "fences do not rise",
    "lost cancel",
    "restart forgets who holds what",
    "cursor off by one",
    "gap accepted",
    "overlap stored twice",
    "finish before the last event",
    "no fence check",
    "watcher not woken",
    "inputs taken twice",
    "more offers than slots",
    "labels do not matter",
    "restore keeps the epoch",
    "long content counts as put",
)


@pytest.mark.timeout(930)
def test_bugs_that_are_planted_are_found() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sim", "--most", "200", "--planted", *_QUICK],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )

    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert done.stdout.count(": found within ") == len(_QUICK)
