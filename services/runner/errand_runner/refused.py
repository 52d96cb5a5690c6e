"""What a runner does that the scheduler takes no more: nothing that it had goes on, from the moment that it knows."""

from collections.abc import Awaitable, Callable

from errand_common.service import StartError
from errand_runner.lease import Leases


class Refused(StartError):
    """The scheduler refuses this runner's credential: its attempts are given up there."""


async def until_refused(running: Awaitable[None], *, leases: Leases, abandon: Callable[[], Awaitable[None]]) -> None:
    """Runs what returns never. Whoever cancels the attempts when this raises ends what they opened; `abandon` removes
    what an earlier process left, to which nobody comes back."""
    try:
        await running
    except Refused:
        # First, so that no push that is under way and no request to the model passes meanwhile.
        leases.suspend()
        await abandon()
        raise
