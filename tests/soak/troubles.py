"""What else than the insides of sandboxes is troubled: services, the wire between two of them, disks."""

import asyncio

from tests.chaos.home import Home
from tests.soak.disks import Disks
from tests.soak.kills import Trouble

CUT_S = 8.0
"""Longer than a lease."""


def runner_alone(home: Home) -> dict[str, tuple[int, Trouble]]:
    """It dies and starts again."""
    return {"runner": (1, lambda: again(home, "runner"))}


def everything(home: Home, disks: Disks | None) -> dict[str, tuple[int, Trouble]]:
    """How often each, against the others and what is done to sandboxes."""
    found: dict[str, tuple[int, Trouble]] = {
        "scheduler": (1, lambda: again(home, "scheduler")),
        "gateway": (1, lambda: again(home, "gateway")),
        "wire": (1, lambda: _cut(home)),
        **runner_alone(home),
    }
    return found if disks is None else found | {"disk": (1, disks.fill_one)}


async def again(home: Home, name: str) -> None:
    """A service is killed and started."""
    await home.kill(name)
    await home.start(name)


async def _cut(home: Home) -> None:
    home.wire.cut()
    try:
        await asyncio.sleep(CUT_S)
    finally:
        home.wire.mend()
