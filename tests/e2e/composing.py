"""Running `scripts/compose`, and asking Docker what became of it."""

import asyncio
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.demo.phone import Json
from tests.demo.stack import ROOT

WITHIN_S = 300.0

_INHERITED = ("PATH", "HOME", "LANG", "DOCKER_HOST")


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str


async def execute(*command: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Done:
    """Run a command, by default in the project's root in an environment without settings of Errand's."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=plain_environment() if env is None else env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


def plain_environment() -> dict[str, str]:
    """What a login shell has, and nothing of Errand's."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


async def compose(env_file: Path, settings: Mapping[str, str], *arguments: str) -> Done:
    """`scripts/compose` as an operator types it, with `settings` in the file that holds them."""
    env_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    env_file.chmod(0o600)
    return await execute("scripts/compose", "--env-file", str(env_file), *arguments)


def docker(*arguments: str) -> str:
    """What `docker` prints. Raises CalledProcessError."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


def inspect(name: str) -> Json:
    """What Docker knows of a container."""
    (found,) = json.loads(docker("inspect", name))
    return dict(found)


def labelled(**labels: str) -> list[str]:
    """The containers, volumes and networks that bear these labels, dots of a label's name written as underscores."""
    filters = [
        word for name, value in labels.items() for word in ("--filter", f"label={name.replace('_', '.')}={value}")
    ]
    kinds = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
    return [name for kind in kinds for name in docker(*kind, "--quiet", *filters).split()]
