"""Whatever is killed, cut, delayed or repeated: no task is lost, none runs twice, no acknowledged event goes astray."""

import re
import subprocess
import sys

import pytest

_SEED = 1
"""Fresh ones are for `make simulate`: what it finds is to be replayed, not to fail somebody's push."""
_WITHIN_S, _MOST, _LEAST = 55, 1000, 250
"""Known schedules for so many seconds; on a busy machine for longer, until there were so many."""
_SLOWEST_S = 600

pytestmark = pytest.mark.timeout(2 * _SLOWEST_S + 30)


def _simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.sim", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=_SLOWEST_S,
    )


def test_known_schedules_hold_every_invariant() -> None:
    done = _simulate(f"--n={_MOST}", f"--seed={_SEED}", f"--seconds={_WITHIN_S}", f"--least={_LEAST}")

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert not done.stderr
    ran = re.match(r"(\d+) schedules in", done.stdout.splitlines()[-1])
    assert ran is not None
    assert int(ran[1]) >= _LEAST


def test_the_same_seed_gives_the_same_schedule_to_the_last_step() -> None:
    first, again = (_traces(_simulate("--n", "8", "--seed", "700", "--digests")) for _ in range(2))

    assert len(first) == 8
    assert len(set(first)) == 8
    assert again == first


def _traces(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stdout.splitlines() if line.startswith("trace ")]
