"""The gateway as it runs: socket, scheduler, application, server."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import structlog
import uvicorn
from fastapi import FastAPI

from errand_common import metrics
from errand_common.clock import Clock
from errand_gateway.address import PublicAddress, bound_address, listen, public_address, write_address
from errand_gateway.app import Parts, make_app
from errand_gateway.config import GatewaySettings
from errand_gateway.live.limits import LiveLimits
from errand_gateway.live.protocol import LiveProtocol
from errand_gateway.scheduler.connection import Connection

_DRAIN_S = 5
_CLIENT_MESSAGE_BYTES = 16 * 1024
_PING_S = 20.0

log = structlog.get_logger()


def _nobody(address: str) -> None:
    """Nobody waits for the address."""


@dataclass(frozen=True)
class Gateway:
    """Everything that a gateway needs; tests bring their own clock, limits and ear."""

    settings: GatewaySettings
    clock: Clock = field(default_factory=Clock)
    limits: LiveLimits = field(default_factory=LiveLimits)
    on_bound: Callable[[str], None] = _nobody

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, then let requests under way end for 5 s. Raises StartError."""
        settings = self.settings
        connection = Connection(settings.scheduler, ca_file=settings.ca_file, token_file=settings.token_file)
        with contextlib.closing(listen(settings.listen)) as listener:
            address = bound_address(listener)
            public = public_address(settings.public_url, address)
            app = make_app(Parts(settings, connection, public, self.clock, self.limits))
            server = _Server(_server_config(app))
            try:
                async with metrics.told(settings.metrics_listen), asyncio.TaskGroup() as group:
                    opening = group.create_task(self._keep(connection))
                    serving = group.create_task(server.serve(sockets=[listener]))
                    self._announce(address, public)
                    await stop.wait()
                    server.should_exit = True
                    await serving
                    opening.cancel()
            finally:
                await connection.close()

    async def _keep(self, connection: Connection) -> None:
        await connection.open()
        await connection.watch(self.clock)

    def _announce(self, address: str, public: PublicAddress) -> None:
        if self.settings.address_file is not None:
            write_address(self.settings.address_file, address)
        log.info("gateway_listening", address=address, public_url=public.url)
        self.on_bound(address)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the service has one stop signal, and it is not here."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server_config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        ws=LiveProtocol,
        ws_max_size=_CLIENT_MESSAGE_BYTES,
        ws_ping_interval=_PING_S,
        ws_ping_timeout=_PING_S,
        # Frames are small: compressing them costs more than it saves.
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_S,
    )
