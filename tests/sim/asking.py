"""Calls as whoever needs their answer makes them: again and again when nothing comes back."""

import asyncio
import random
from typing import Any

from errand_common import rpc
from errand_common.errors import Exhausted, Internal, Unavailable
from tests.sim.breach import Breach

_TRIES = 40


async def ask(stub: Any, method: str, request: Any, *, metadata: Any, chance: random.Random) -> Any:
    """The answer; none where nobody gives any for long, or one of the two does not know the call. Raises ErrandError
    for a refusal, Breach for what broke inside."""
    if not hasattr(stub, method):
        return None
    for _ in range(_TRIES):
        try:
            with rpc.renamed_errors():
                return await getattr(stub, method)(request, metadata=metadata, timeout=10.0)
        except (Unavailable, Exhausted):
            await asyncio.sleep(chance.uniform(0.1, 10.0))
        except Internal as exc:
            if "does not know this call" in exc.message:
                return None
            raise Breach("bug", f"{method} broke: {exc.message}") from exc
    return None
