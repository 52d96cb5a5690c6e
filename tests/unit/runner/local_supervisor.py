"""A real supervisor on this host: the guest as a child process over pipes, no Docker."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from errand_runner.sandbox.guest_install import install_guest
from errand_runner.sandbox.supervisor import Supervisor


@asynccontextmanager
async def local_supervisor(home: Path, **environment: str) -> AsyncGenerator[Supervisor]:
    """Its commands see `environment` and little else, so that nothing of this machine's people reaches into a test."""
    env = {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        **environment,
    }
    pipe = asyncio.subprocess.PIPE
    with tempfile.TemporaryDirectory() as state_dir:
        command = (sys.executable, "-I", "-S", str(install_guest(Path(state_dir))))
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, env=env)
        assert process.stdout
        assert process.stdin
        try:
            async with Supervisor(process.stdout, process.stdin) as connected:
                yield connected
        finally:
            async with asyncio.timeout(10):
                await process.wait()
