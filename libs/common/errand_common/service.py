"""How a service runs: one stop signal, one place where a wrong start is told, one exit code."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

import structlog

from errand_common.config import ConfigError


class StartError(Exception):
    """The service cannot start; the message says what was found and what to do."""


def run(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `main(stop)` until it returns; SIGTERM and SIGINT set `stop`. Exits 2, with words, on a wrong start."""
    wrong: list[BaseException] = []
    try:
        asyncio.run(_with_signals(main))
    except* (ConfigError, StartError) as group:
        # Told below: before Python 3.11.4 what is raised here leaves in a group of its own.
        wrong = _leaves(group)
    if wrong:
        for error in wrong:
            print(error, file=sys.stderr)
        sys.exit(2)


async def _with_signals(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await main(stop)
    structlog.get_logger().info("service_stopped")


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
