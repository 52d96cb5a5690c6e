"""What a tunnel costs: a TLS connection from a sandbox through its broker, beside the same one made directly."""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from errand_common.values import EgressMode
from errand_runner import doorway
from errand_runner.broker.egress.rules import Rules
from errand_runner.sandbox.docker import Sandbox
from tests.bench import tls_client
from tests.bench.rows import Table
from tests.certificates import Identity, identity
from tests.demo.stack import ROOT, image_tag
from tests.integration.brokering import Lender, make_broker, open_sandbox
from tests.integration.git_backend import GitBackend
from tests.integration.internet import Way, at

HOST = "bench.example"
DIRECT = "a TLS connection made directly"
CLIENT = Path(tls_client.__file__)


async def measure_egress(table: Table, rounds: int) -> None:
    """In each round the direct one, then the one from the sandbox."""
    async with AsyncExitStack() as stack:
        # Short: a socket's path holds 108 bytes.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="errand-")))
        shown = identity(HOST)
        (folder / "ca.pem").write_bytes(shown.ca)
        port = await stack.enter_async_context(_server(folder, shown))
        way = Way(at({HOST: port}), rules=Rules(EgressMode.ALLOW_LIST, frozenset({HOST})))
        nowhere = GitBackend(folder, set(), url="http://127.0.0.1:1/octo/demo.git")
        await stack.enter_async_context(make_broker(folder, nowhere, Lender([""]), egress=way.egress()))
        sandbox = await stack.enter_async_context(open_sandbox(folder, image_tag()))
        await sandbox.supervisor.write("/workspace/client.py", await asyncio.to_thread(CLIENT.read_bytes))
        await sandbox.supervisor.write("/workspace/ca.pem", shown.ca)
        for _ in range(rounds):
            direct = await _directly([str(port), HOST, str(folder / "ca.pem")])
            tunnel = await _inside(sandbox, [str(port), HOST, "/workspace/ca.pem", str(doorway.PORT)])
            _add(table, direct, tunnel)


def _add(table: Table, direct: dict[str, float], tunnel: dict[str, float]) -> None:
    first, rate = f"{DIRECT}, to its first byte", f"{DIRECT}, {tls_client.DOWNLOAD_BYTES >> 20} MiB"
    direct_ms, tunnel_ms = 1000 * direct["first_byte_s"], 1000 * tunnel["first_byte_s"]
    table.add(first, direct_ms, unit="ms")
    table.add("from a sandbox through its broker", tunnel_ms, unit="ms", peer=first, goal="10 ms more, or less")
    table.add(rate, direct["mb_per_s"], unit="MB/s")
    table.add("the same through the broker", tunnel["mb_per_s"], unit="MB/s", peer=rate, goal="half, or more")


async def _directly(arguments: Sequence[str]) -> dict[str, float]:
    argv = [sys.executable, str(CLIENT), *arguments]
    done = await asyncio.to_thread(subprocess.run, argv, check=True, capture_output=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


async def _inside(sandbox: Sandbox, arguments: Sequence[str]) -> dict[str, float]:
    argv = ["python3", "client.py", *arguments]
    done = await sandbox.supervisor.capture(argv, cwd="/workspace", timeout_s=120)
    assert done.exit.code == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    return found


@asynccontextmanager
async def _server(folder: Path, shown: Identity) -> AsyncIterator[int]:
    """In a process of its own, as a server of the internet would be."""
    (folder / "server.pem").write_bytes(shown.certificate + shown.key)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.tls_server", str(folder / "server.pem")),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()
