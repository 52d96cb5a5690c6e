"""What trials share, opened when the first asks for it, and anew after one that broke it."""

from contextlib import AsyncExitStack

from tests.chaos.fleet import Fleet, open_fleet
from tests.chaos.home import Home, open_home
from tests.chaos.logs import keep_logs


class Homes:
    """At most one of each is open."""

    def __init__(self) -> None:
        self._exits = AsyncExitStack()
        self._home: Home | None = None
        self._fleet: Fleet | None = None

    async def home(self) -> Home:
        """The one that is open, or a new one."""
        if self._home is None:
            self._home = await self._exits.enter_async_context(open_home())
        return self._home

    async def fleet(self) -> Fleet:
        """The same, with two hosts."""
        if self._fleet is None:
            self._fleet = await self._exits.enter_async_context(open_fleet())
        return self._fleet

    async def discard(self, *, keep: str = "") -> None:
        """Close them, with all that they have; their logs are kept under a name."""
        for of, opened in (("home", self._home), ("fleet", self._fleet)):
            if keep and opened is not None:
                keep_logs(opened.stack, keep, of=of)
        self._home = self._fleet = None
        await self._exits.aclose()
