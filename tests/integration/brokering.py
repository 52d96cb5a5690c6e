"""What the broker's tests share: a broker before a real git server, and ways to reach it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.broker.broker import Broker, Egress
from errand_runner.broker.lent import Credential, Lent
from errand_runner.broker.patience import USUAL, Patience
from errand_runner.broker.remote import Remote
from errand_runner.sandbox.docker import Engine, Sandbox, SandboxSpec
from errand_runner.sandbox.limits import Limits
from tests.integration.git_backend import OWNER_AND_NAME, GitBackend

BRANCH = "errand/tsk_1"
PUSH_REFS = frozenset({f"refs/heads/{BRANCH}", "refs/errand/tsk_1"})
ZERO, ONE = "0" * 40, "1" * 40


@dataclass
class Lender:
    """Lends the first password that was not refused. `asked` holds whether one was, for each time it is asked."""

    passwords: list[str]
    asked: list[bool] = field(default_factory=list)
    failure: Exception | None = None

    async def __call__(self, *, refused_lent_id: str) -> Credential:
        self.asked.append(bool(refused_lent_id))
        if self.failure:
            raise self.failure
        if refused_lent_id == _lent_id(self.passwords[0]) and len(self.passwords) > 1:
            self.passwords.pop(0)
        return Credential("x-access-token", self.passwords[0], _lent_id(self.passwords[0]))


def _lent_id(password: str) -> str:
    return f"id of {password}"


def make_broker(
    state_dir: Path,
    backend: GitBackend,
    lender: Lender,
    *,
    allowed: bool = True,
    holds: Callable[[], bool] = lambda: True,
    only_ref: Callable[[], str] = str,
    push_limit_bytes: int = 200 << 20,
    patience: Patience = USUAL,
    egress: Egress | None = None,
    fetches: bool = False,
) -> Broker:
    return Broker(
        socket_dir=state_dir / "s",
        remotes=[own_remote(backend.url, lender)],
        allow=lambda: allowed,
        holds=holds,
        only_ref=only_ref,
        push_limit_bytes=push_limit_bytes,
        patience=patience,
        egress=egress,
        fetches=fetches,
    )


def own_remote(url: str, lender: Lender) -> Remote:
    return Remote(OWNER_AND_NAME, url, Lent(lender, now_s=Clock().boot_s), PUSH_REFS)


@asynccontextmanager
async def open_sandbox(state_dir: Path, image: str) -> AsyncGenerator[Sandbox]:
    ids = Ids(Clock())
    runner_id = ids.new("rnr")
    spec = SandboxSpec(
        sandbox_id=ids.new("sbx"),
        workspace_id=ids.new("wsp"),
        task_id=ids.new("tsk"),
        runner_id=runner_id,
        image=image,
        socket_dir=state_dir / "s",
        limits=Limits(memory_bytes=512 << 20),
        patience_s=600,
    )
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(Engine.connect(state_dir=state_dir))
        stack.push_async_callback(engine.remove_everything, runner_id)
        yield await stack.enter_async_context(engine.open(spec))


def unix_http(state_dir: Path) -> aiohttp.ClientSession:
    return aiohttp.ClientSession("http://sandbox", connector=aiohttp.UnixConnector(str(state_dir / "s/broker.sock")))


async def raw_status(state_dir: Path, request: str) -> int:
    """The status of a request sent as it stands: a client would tidy it up first."""
    reader, writer = await asyncio.open_unix_connection(state_dir / "s/broker.sock")
    try:
        writer.write(request.encode())
        async with asyncio.timeout(10):
            return int((await reader.readline()).split()[1])
    finally:
        writer.close()
        await writer.wait_closed()


def pkt(line: str) -> bytes:
    return b"%04x" % (len(line) + 4) + line.encode()
