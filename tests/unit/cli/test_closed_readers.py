"""A reader that has enough is no failure, whatever was to be read; one that closes before the first word, too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from errand_cli.exits import Exit


def ended(*arguments: str, closed: str) -> tuple[int, str]:
    """The code of a command whose standard output or error nobody reads, and what it said on the other."""
    reading, writing = os.pipe()
    os.close(reading)
    stdout, stderr = (writing, subprocess.PIPE) if closed == "stdout" else (subprocess.PIPE, writing)
    command = [sys.executable, "-m", "errand_cli", *arguments]
    try:
        found = subprocess.run(command, stdout=stdout, stderr=stderr, timeout=50, text=True, check=False)
    finally:
        os.close(writing)
    return found.returncode, (found.stderr if closed == "stdout" else found.stdout) or ""


@pytest.mark.parametrize("arguments", [("--help",), ("task", "create", "--help"), ("logout",), ("logout", "--json")])
def test_who_reads_no_more_ends_a_command_well(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    # As on a person's machine: what is small is written at the end.
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)

    assert ended(*arguments, closed="stdout") == (0, "")


def test_a_wrong_use_is_one_though_nobody_reads_why() -> None:
    assert ended("no-such-command", closed="stderr") == (Exit.USAGE, "")
