"""A real gateway on a free port, as an async context."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from errand_common.clock import Clock
from errand_gateway.config import GatewaySettings
from errand_gateway.live.limits import LiveLimits
from errand_gateway.serving import Gateway
from tests.unit.gateway.scheduler_double import SERVICE_TOKEN
from tests.unit.gateway.scheduler_tls import certificates

CLIENT_ID = "errand-under-test"
CLIENT_SECRET = "s3cret-of-the-app"

# Nothing here speaks TLS; loading the machine's certificates for every client would take longer than the tests.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class MovableClock(Clock):
    """Boot time moves by hand as well."""

    def __init__(self) -> None:
        self.moved_s = 0.0

    def boot_s(self) -> float:
        return super().boot_s() + self.moved_s


@dataclass(frozen=True)
class Running:
    """Where it is."""

    url: str

    @property
    def live_url(self) -> str:
        return f"{self.url.replace('http', 'ws', 1)}/v1/live"

    async def ready(self) -> None:
        """Wait until it has found its scheduler."""
        async with asyncio.timeout(30), self.client() as client:
            while (await client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.01)

    def client(self, token: str | None = None, **cookies: str) -> httpx2.AsyncClient:
        """A client that follows no redirects; with a token it sends it."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx2.AsyncClient(
            base_url=self.url, headers=headers, cookies=cookies, verify=_NO_CERTIFICATES, trust_env=False, timeout=30
        )


WITHOUT_GITHUB = {"ERRAND_GITHUB_CLIENT_ID": None, "ERRAND_GITHUB_CLIENT_SECRET": None}
"""Settings of a gateway at which people sign in by link alone."""


def settings(folder: Path, scheduler: str, **others: str | None) -> GatewaySettings:
    """Settings of a gateway that listens on a free port; its files are written."""
    (folder / "ca.pem").write_bytes(certificates().ca)
    (folder / "gateway.token").write_text(f"{SERVICE_TOKEN}\n")
    return GatewaySettings.model_validate(
        {
            "ERRAND_LISTEN": "127.0.0.1:0",
            "ERRAND_SCHEDULER": scheduler,
            "ERRAND_CA_FILE": str(folder / "ca.pem"),
            "ERRAND_TOKEN_FILE": str(folder / "gateway.token"),
            "ERRAND_GITHUB_CLIENT_ID": CLIENT_ID,
            "ERRAND_GITHUB_CLIENT_SECRET": CLIENT_SECRET,
            **others,
        }
    )


@asynccontextmanager
async def running(
    wanted: GatewaySettings, *, clock: Clock | None = None, limits: LiveLimits | None = None, connected: bool = True
) -> AsyncIterator[Running]:
    """Runs in a task of its own until the block is left; a gateway that fails fails the test.

    Without `connected` it may not have found its scheduler yet.
    """
    stop = asyncio.Event()
    bound: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    gateway = Gateway(wanted, clock or Clock(), limits or LiveLimits(), bound.set_result)
    task = asyncio.create_task(gateway.run(stop))
    try:
        watched: list[asyncio.Future[None] | asyncio.Future[str]] = [task, bound]
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED, timeout=30)
        here = Running(f"http://{bound.result()}")
        if connected:
            await here.ready()
        yield here
    finally:
        stop.set()
        async with asyncio.timeout(30):
            await task
