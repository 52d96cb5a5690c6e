"""`errand-gateway`: reads its settings, serves until it is told to stop."""

import asyncio

from errand_common.service import Command, Service
from errand_gateway.config import GatewaySettings
from errand_gateway.healthy import healthy
from errand_gateway.serving import Gateway


async def _serve(settings: GatewaySettings, stop: asyncio.Event) -> None:
    await Gateway(settings).run(stop)


def main() -> None:
    """The command's entry."""
    commands = (
        Command("healthy", "exit 0 when the running gateway and the scheduler behind it answer, else 1", healthy),
    )
    Service("gateway", GatewaySettings, _serve, commands).main()


if __name__ == "__main__":
    main()
