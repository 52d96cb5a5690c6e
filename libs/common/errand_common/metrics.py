"""What a service counts of itself, told in Prometheus' text format to whoever asks on an address of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from prometheus_client import REGISTRY
from prometheus_client.registry import Collector

from errand_common.addresses import split
from errand_common.listening import cannot_listen
from errand_common.service import StartError

SETTING = "ERRAND_METRICS_LISTEN"
PATH = "/metrics"


@asynccontextmanager
async def told(listen: str, *collectors: Collector) -> AsyncIterator[str]:
    """While the context lasts `http://host:port/metrics` answers, on this loop, on which `collectors` look.

    Gives the bound address; an empty `listen` serves nothing, and gives nothing. Raises StartError.
    """
    if not listen:
        yield ""
        return
    # A third of a second that a service without metrics does not need.
    from aiohttp import web
    from prometheus_client.aiohttp import make_aiohttp_handler

    application = web.Application()
    application.router.add_get(PATH, make_aiohttp_handler())
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    host, port = split(listen)
    for collector in collectors:
        REGISTRY.register(collector)
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as exc:
            raise StartError(cannot_listen(listen, exc, setting=SETTING)) from exc
        address = "{}:{}".format(*runner.addresses[0][:2])
        structlog.get_logger().info("metrics_listen", address=address)
        yield address
    finally:
        for collector in collectors:
            REGISTRY.unregister(collector)
        await runner.cleanup()
