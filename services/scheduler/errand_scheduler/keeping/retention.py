"""Lets go of what is older than the operator wants to keep, a little at a time."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import structlog

from errand_common.clock import Clock
from errand_common.errors import ErrandError
from errand_common.tasks import to_the_end
from errand_scheduler.durations import Durations
from errand_scheduler.keeping.backups import Backups
from errand_scheduler.keeping.blob_sweep import BlobSweep
from errand_scheduler.store import blobs, join_tokens, retention
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()
T = TypeVar("T")

_SWEEP_BEATS = 720  # an hour
_DAY_S = 24 * 60 * 60
_DAY_US = _DAY_S * 1_000_000
_DAYS_OF_KEYS = 7
"""How long a request id stands for its request, and a session that is over can still be named in an answer."""
_DAYS_OF_ORPHANS = 1
"""How long content may lie before the event comes that refers to it."""
_NAMES = 500  # asked about at once


class _Drop(Protocol):
    def __call__(self, tx: Tx, *, before: int) -> int: ...


@dataclass(frozen=True)
class _Nameless:
    """A file that no row names, and since when."""

    inode: int
    since_s: float


class Retention:
    """Sweeps every hour. `days`: how long records of tasks that are over and the audit log are kept; 0: for ever."""

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        clock: Clock,
        durations: Durations,
        *,
        days: int,
        files: BlobSweep,
        backups: Backups,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._durations = durations
        self._days = days
        self._files = files
        self._backups = backups
        self._nameless: dict[str, _Nameless] = {}

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_BEATS * self._durations.beat_s)
            try:
                await self.sweep()
            except (ErrandError, OSError) as exc:
                log.warning("retention_failed", error=str(exc))

    async def sweep(self) -> None:
        """Let go of all that is old enough now. Raises ErrandError, OSError: the next sweep goes on from there."""
        if self._days:
            await self._forget_tasks(self._days_ago(self._days))
            await self._drop(retention.drop_audit, self._days)
        await self._drop(retention.drop_idempotency_keys, _DAYS_OF_KEYS)
        await self._drop(retention.drop_sessions, _DAYS_OF_KEYS)
        await self._drop(join_tokens.drop_old, _DAYS_OF_KEYS)
        # A backup that is under way reads every file that a row named when it began.
        if not self._backups.under_way:
            await self._drop_blobs()
            await self._remove_nameless()
        await self._vacuum()

    async def _forget_tasks(self, before: int) -> None:
        while task_ids := await self._reader.all(retention.over(before)):
            for task_id in task_ids:
                await self._forget(task_id, before)
            log.info("records_forgotten", tasks=len(task_ids))

    async def _forget(self, task_id: str, before: int) -> None:
        def piece(tx: Tx) -> bool:
            return retention.forget(tx, task_id, before=before)

        while await self._writer.write(piece):
            continue

    async def _drop(self, drop: _Drop, days: int) -> None:
        before = self._days_ago(days)

        def piece(tx: Tx) -> int:
            return drop(tx, before=before)

        while await self._writer.write(piece) == retention.CHUNK:
            continue

    async def _drop_blobs(self) -> None:
        """The row goes first: a file without one is found again, a row without its file is a loss."""
        while sha256s := await self._reader.all(retention.unreferred(self._days_ago(_DAYS_OF_ORPHANS))):
            inodes = await _in_thread(partial(self._files.inodes, sha256s))
            dropped = await self._writer.write(_dropping(sha256s))
            if not dropped:
                return
            await self._remove({sha256: inodes[sha256] for sha256 in dropped if sha256 in inodes})

    async def _remove_nameless(self) -> None:
        """Files that were put and never got a row: those that have had none for a day of this process's life."""
        nameless = await self._without_rows(await _in_thread(self._files.found))
        now_s = self._clock.boot_s()
        self._nameless = {
            name: known if (known := self._nameless.get(name)) and known.inode == inode else _Nameless(inode, now_s)
            for name, inode in nameless.items()
        }
        old = {
            name: each.inode
            for name, each in self._nameless.items()
            if now_s - each.since_s >= _DAYS_OF_ORPHANS * _DAY_S
        }
        await self._remove(old)

    async def _without_rows(self, found: Mapping[str, int]) -> dict[str, int]:
        names = list(found)
        nameless: dict[str, int] = {}
        for start in range(0, len(names), _NAMES):
            some = names[start : start + _NAMES]
            known = {blob.sha256 for blob in await self._reader.all(blobs.stored(some))}
            nameless |= {name: found[name] for name in some if name not in known}
        return nameless

    async def _remove(self, inodes: Mapping[str, int]) -> None:
        if inodes:
            removed = await _in_thread(lambda: sum(self._files.remove(name, inode) for name, inode in inodes.items()))
            log.info("blobs_removed", files=removed)

    async def _vacuum(self) -> None:
        while await self._writer.write(retention.vacuum):
            continue

    def _days_ago(self, days: int) -> int:
        return self._clock.now_us() - days * _DAY_US


def _dropping(sha256s: Sequence[str]) -> Callable[[Tx], list[str]]:
    return lambda tx: retention.drop_blobs(tx, sha256s)


async def _in_thread(work: Callable[[], T]) -> T:
    return await to_the_end(asyncio.to_thread(work))
