"""Looking from outside, past Errand: is the branch on the git side, and do its tests pass?"""

import subprocess
import sys
from pathlib import Path


class NotThere(Exception):
    """The git side does not hold what the task claims."""


def check_out_branch(bare: Path, branch: str, into: Path) -> str:
    """Clone `branch` of a bare repository into a new folder; returns its commit. Raises NotThere."""
    cloned = _run("git", "clone", "--quiet", "--branch", branch, str(bare), str(into), cwd=bare)
    if cloned.returncode != 0:
        raise NotThere(f"{branch} is not in {bare.name}: {cloned.stderr.strip()}")
    return _run("git", "rev-parse", "HEAD", cwd=into).stdout.strip()


def diff_of(clone: Path, base: str) -> str:
    """What a clone's branch changes against `origin/<base>`."""
    return _run("git", "diff", f"origin/{base}...HEAD", cwd=clone).stdout


def run_tests(clone: Path) -> None:
    """Run the demo repository's own tests on this machine. Raises NotThere with their output when they fail."""
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "-c", "/dev/null")
    result = _run(*command, cwd=clone)
    if result.returncode != 0:
        raise NotThere(f"the tests of the pushed branch fail:\n{result.stdout[-2000:]}")


def _run(*command: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
