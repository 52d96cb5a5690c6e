"""`python -m errand_scheduler`: runs the scheduler until it is told to stop."""

import asyncio
import sys

from errand_common import config, log, service
from errand_common.clock import Clock
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.server import scheduler


def main() -> None:
    """The command's entry."""
    # Between the loop and the writer's thread the interpreter switches every 5 ms by itself: too slow for small groups.
    sys.setswitchinterval(0.0005)
    service.run(_run)


async def _run(stop: asyncio.Event) -> None:
    settings = config.load(SchedulerSettings)
    log.configure(service="scheduler", log_format=settings.log_format)
    async with scheduler(settings, Clock()):
        await stop.wait()


if __name__ == "__main__":
    main()
