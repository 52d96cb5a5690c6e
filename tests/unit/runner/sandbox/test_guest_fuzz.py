"""A request that is none ends the supervisor, and with it everything that it ran."""

import asyncio
import struct
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errand_runner.sandbox import frames
from errand_runner.sandbox.guest_install import install_guest
from tests.unit.runner.sandbox.processes import alive

RUN: dict[str, object] = {
    "op": "run",
    "id": 1,
    "argv": ["bash", "-c", "echo $$; sleep 300"],
    "cwd": "/",
    "env": {},
    "timeout_s": 60,
    "silence_s": None,
    "window": 1 << 20,
    "note": "",
    "keep": "",
    "live": 0,
}


@asynccontextmanager
async def guest(state_dir: Path) -> AsyncGenerator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-I", "-S", str(install_guest(state_dir)))
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(30):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize(
    "broken",
    [
        struct.pack(">II", 1 << 31, 0),
        struct.pack(">II", 2, 1 << 31) + b"{}",
        struct.pack(">II", 3, 0) + b"\xff\xfe\xfd",
        struct.pack(">II", 2, 0) + b"[]",
        struct.pack(">II", 60_000, 0) + b"[" * 60_000,
        frames.encode({}),
        frames.encode({"op": "no such thing", "id": 2}),
        frames.encode({"op": ["run"], "id": 2}),
        frames.encode({"op": "run", "id": 2}),
        frames.encode({"op": "read", "id": 2, "path": 7, "offset": "x", "max": None}),
    ],
)
async def test_a_broken_request_ends_it_with_what_it_ran(broken: bytes, tmp_path: Path) -> None:
    async with guest(tmp_path) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(frames.encode(RUN))
        first = await frames.read(process.stdout)
        process.stdin.write(broken)
        await process.wait()
    assert not alive(int(first.body))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=60) | st.dictionaries(st.sampled_from([*RUN, "job"]), st.none()).map(frames.encode))
def test_it_ends_with_its_stdin_whatever_came(data: bytes, tmp_path: Path) -> None:
    async def talk() -> None:
        async with guest(tmp_path) as process:
            await process.communicate(data)

    asyncio.run(talk())
