"""Says again and again to the containers of this runner that it is there."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import structlog

from errand_runner.journal import Journal
from errand_runner.sandbox import lifeline

RENEW_S = 60.0
"""How often; a container ends by itself after 60 times as long without (profile.py, patience_s)."""


class Lifelines:
    """Of all sandboxes in the journal, an earlier process's too, and of `others`; whatever Docker or the scheduler say.

    `others` is read by another thread.
    """

    def __init__(
        self, journal: Journal, *, socket_root: Path, others: Iterable[str] = (), renew_s: float = RENEW_S
    ) -> None:
        self._journal, self._socket_root, self._others, self._renew_s = journal, socket_root, others, renew_s

    async def watch(self) -> None:
        """For ever."""
        while True:
            await asyncio.to_thread(self._renew)
            await asyncio.sleep(self._renew_s)

    def _renew(self) -> None:
        for sandbox_id in [*(entry.sandbox_id for entry in self._journal.entries), *self._others]:
            folder = self._socket_root / sandbox_id
            # One that is about to be opened, or is just over, has none.
            if folder.is_dir():
                try:
                    lifeline.renew(folder)
                except OSError as exc:
                    structlog.get_logger().warning("lifeline_not_renewed", path=str(folder), error=str(exc))
