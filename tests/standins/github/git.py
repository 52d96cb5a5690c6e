"""Running git, away from the settings of whoever runs the stand-in."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

# Cloning a large repository from afar is the longest of these.
_GIT_TIMEOUT_S = 600


class GitError(Exception):
    """git ended with a failure; the message holds the command and what it said."""


def inherited_environment() -> dict[str, str]:
    """The caller's environment, their git settings included, but not the repository that they may stand in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}


def isolated_environment() -> dict[str, str]:
    """No system or personal settings, and a fixed author."""
    return inherited_environment() | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "GitHub stand-in",
        "GIT_AUTHOR_EMAIL": "standin@example.invalid",
        "GIT_COMMITTER_NAME": "GitHub stand-in",
        "GIT_COMMITTER_EMAIL": "standin@example.invalid",
    }


async def git(*arguments: str, directory: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Runs one git command and returns what it printed, without the last line break. Raises GitError."""
    where = ["--git-dir", str(directory)] if directory else []
    process = await asyncio.create_subprocess_exec(
        "git",
        *where,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment or isolated_environment(),
    )
    try:
        async with asyncio.timeout(_GIT_TIMEOUT_S):
            output, errors = await process.communicate()
    finally:
        await reap(process)
    if process.returncode:
        said = errors.decode(errors="replace").strip()
        raise GitError(f"git {arguments[0]} ended with status {process.returncode}: {said}")
    return output.decode(errors="replace").rstrip("\n")


async def reap(process: asyncio.subprocess.Process) -> None:
    """Ends a git process that still runs, and lets it tidy up; harmless when it has ended."""
    if process.returncode is None:
        process.terminate()
    await process.wait()
