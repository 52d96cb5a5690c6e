"""`errand`, run as a program by somebody with a token."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.integration.scheduling import Stack

ENDS_S = 60.0


@dataclass(frozen=True)
class Said:
    """How the command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.out)
        return found


@dataclass(frozen=True)
class Shell:
    """Somebody's, with their settings and no others."""

    environment: Mapping[str, str]

    async def errand(self, *words: str, stdin: str = "", **others: str) -> Said:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "errand_cli",
            *words,
            env={"PATH": os.environ["PATH"], **self.environment, **others},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(ENDS_S):
            out, err = await process.communicate(stdin.encode())
        assert process.returncode is not None
        assert b"Traceback" not in err, err.decode()
        return Said(process.returncode, out.decode(), err.decode())


def shell(running: Stack, token: str, home: Path) -> Shell:
    return Shell(
        {
            "HOME": str(home),
            "ERRAND_SCHEDULER": running.address,
            "ERRAND_CA_FILE": str(running.data / "tls" / "ca.pem"),
            "ERRAND_TOKEN": token,
        }
    )
