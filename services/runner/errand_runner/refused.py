"""What a runner does that the scheduler takes no more: nothing that it had goes on, from the moment that it knows."""

from collections.abc import Awaitable, Callable

import structlog

from errand_common.service import StartError
from errand_runner.lease import Leases


class RunnerRefused(StartError):
    """The scheduler refuses this runner's credential: its attempts are given up there."""


async def until_refused(
    running: Awaitable[None],
    *,
    leases: Leases,
    abandon: Callable[[], Awaitable[None]],
    leaves: Callable[[], bool] = lambda: False,
) -> None:
    """Runs what never returns by itself. Raises RunnerRefused; where this host `leaves`, returns: that is an end in
    order. Whoever cancels the attempts then ends what they opened; `abandon` removes what an earlier process left, to
    which nobody comes back."""
    try:
        await running
    except RunnerRefused:
        # First, so that no push that is under way and no request to the model passes meanwhile.
        leases.suspend()
        await abandon()
        if not leaves():
            raise
        structlog.get_logger().info("runner_left")
