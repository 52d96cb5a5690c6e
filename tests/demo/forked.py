"""Processes that are forks of one that has imported what they run: a start costs a twentieth of one from nothing."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import IO

_STARTED_S = 60.0
"""The first one waits until everything is imported."""


class Forked:
    """A child of the forking process. Has what is used here of `asyncio.subprocess.Process`."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader, fate: "_Fate", transports: list[asyncio.BaseTransport]):
        self.pid, self.stdout = pid, stdout
        self._fate, self._transports = fate, transports

    @property
    def returncode(self) -> int | None:
        """None while it lives; negative where a signal ended it."""
        return self._fate.code.result() if self._fate.code.done() else None

    async def wait(self) -> int:
        """Waits for its end. Raises ConnectionError where nobody is left to tell of it."""
        return await asyncio.shield(self._fate.code)

    def send_signal(self, number: int) -> None:
        """Nothing happens where it has ended."""
        if self.returncode is None:
            # Its end may not have been told yet.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """As `send_signal`."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Leave its pipes; what it still says is lost."""
        for transport in self._transports:
            transport.close()


async def forked(module: str, *arguments: str, env: Mapping[str, str], log: IO[bytes]) -> Forked:
    """`python -m MODULE ARGUMENTS...`, without the start of an interpreter."""
    loop = asyncio.get_running_loop()
    (out, its_out), (told, its_telling) = os.pipe(), os.pipe()
    stdout, fate = asyncio.StreamReader(), _Fate(loop.create_future(), loop.create_future())
    reader, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdout), os.fdopen(out, "rb", 0))
    teller, _ = await loop.connect_read_pipe(lambda: fate, os.fdopen(told, "rb", 0))
    packet = json.dumps({"module": module, "arguments": arguments, "env": dict(env)}).encode()
    try:
        way, _ = _server()
        socket.send_fds(way, [packet], [its_out, log.fileno(), its_telling])
    finally:
        os.close(its_out)
        os.close(its_telling)
    async with asyncio.timeout(_STARTED_S):
        return Forked(await fate.pid, stdout, fate, [reader, teller])


@cache
def _server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The forking process, which ends when this process does, and the way to it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "tests.demo.forking", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    return ours, process


class _Fate(asyncio.Protocol):
    """Two lines: the process id, and at the end the exit code."""

    def __init__(self, pid: asyncio.Future[int], code: asyncio.Future[int]) -> None:
        self.pid, self.code = pid, code

    def data_received(self, data: bytes) -> None:
        for line in data.split():
            (self.code if self.pid.done() else self.pid).set_result(int(line))

    def connection_lost(self, exc: Exception | None) -> None:
        for future in (self.pid, self.code):
            if not future.done():
                future.set_exception(ConnectionError("the process that forks is gone"))
                # Whoever waits is told; nobody may be waiting.
                future.exception()
