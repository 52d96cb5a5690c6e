"""The connection to GitHub that all of the scheduler's questions share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from errand_scheduler.github.wire import HEADERS, TIMEOUT, Wire

SIGN_IN_AGAIN = "GitHub no longer takes your sign-in; sign in again"
"""What is said of a refused token where people sign in with GitHub."""


@asynccontextmanager
async def open_wire(api_url: str, *, refused: str = SIGN_IN_AGAIN) -> AsyncIterator[Wire]:
    """GitHub at an address of its API; its connections are closed at the end. `refused` says what helps a person
    whose token is refused."""
    async with httpx2.AsyncClient(base_url=api_url, headers=HEADERS, timeout=TIMEOUT, follow_redirects=False) as client:
        yield Wire(client, refused)
