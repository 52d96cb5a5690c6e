"""`errand-gateway`: reads its settings, serves until it is told to stop."""

import asyncio

from errand_common import config, log, service
from errand_gateway.config import GatewaySettings
from errand_gateway.serving import Gateway


async def _serve(stop: asyncio.Event) -> None:
    settings = config.load(GatewaySettings)
    log.configure(service="gateway", log_format=settings.log_format)
    await Gateway(settings).run(stop)


def main() -> None:
    """Exits 0 when it was stopped, 2 when it could not start."""
    service.run(_serve)


if __name__ == "__main__":
    main()
