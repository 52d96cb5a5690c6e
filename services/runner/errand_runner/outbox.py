"""Events wait here, in order, on disk, until the scheduler has them."""

import asyncio
import os
import re
import struct
import zlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from errand_common.ids import is_id

UNACKED_BYTES = 64 * 1024 * 1024
"""What one attempt may have written ahead of the scheduler; then its appends wait (ARCHITECTURE.md, Bounds)."""

_HEADER = struct.Struct(">II")  # length and CRC-32 of the record that follows
_FILE = re.compile(r"^(?P<attempt_id>att_[0-9a-z]{26})\.(?P<fence>\d+)$")


class OutboxError(Exception):
    """An event could not be written down; the message says why. The attempt must end: it is no longer recorded."""


class Log:
    """One attempt's events: appended by the attempt, read and acknowledged by the sender, kept until forgotten."""

    def __init__(self, path: Path, *, changed: asyncio.Event, disk: ThreadPoolExecutor) -> None:
        name = _FILE.match(path.name)
        assert name is not None
        self.attempt_id, self.fence = name["attempt_id"], int(name["fence"])
        self.recovered = _read_records(path)
        self.acked_sequence = 0
        self._path, self._changed, self._disk = path, changed, disk
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._unacked = deque(self.recovered)
        self._unacked_bytes = sum(map(len, self.recovered))
        self._reserved = len(self.recovered)
        self._acked = asyncio.Event()
        self.broken: OutboxError | None = None
        """Why the log takes nothing more."""

    @property
    def last_sequence(self) -> int:
        """The last event on disk; 0 before the first."""
        return self.acked_sequence + len(self._unacked)

    @property
    def next_sequence(self) -> int:
        """The number that the next append gets."""
        return self._reserved + 1

    async def append(self, record: bytes) -> None:
        """Return once the record is on disk. Waits while too much is unacknowledged. Raises OutboxError.

        The record of a cancelled caller is still written.
        """
        while self._unacked_bytes > UNACKED_BYTES:
            await self._next_ack()
        if self.broken is not None:
            raise self.broken
        self._reserved += 1
        written = asyncio.get_running_loop().run_in_executor(self._disk, _write, self._descriptor, record)
        written.add_done_callback(lambda done: self._on_written(done, record))
        try:
            await asyncio.shield(written)
        except OSError as exc:
            raise OutboxError(f"{self._path.name}: {exc.strerror}; see to the disk that holds ERRAND_DATA") from exc

    def after(self, sequence: int, *, limit_bytes: int) -> list[bytes]:
        """The records after `sequence`, at least one if there is any, then as many as fit."""
        chosen: list[bytes] = []
        size = 0
        for index in range(max(sequence - self.acked_sequence, 0), len(self._unacked)):
            record = self._unacked[index]
            if chosen and size + len(record) > limit_bytes:
                break
            chosen.append(record)
            size += len(record)
        return chosen

    def ack(self, sequence: int) -> None:
        """Everything up to `sequence` is safe with the scheduler."""
        while self._unacked and self.acked_sequence < sequence:
            self._unacked_bytes -= len(self._unacked.popleft())
            self.acked_sequence += 1
        self._acked.set()

    async def drained(self) -> None:
        """Return once all that was appended is written and acknowledged."""
        while self.acked_sequence < self._reserved:
            await self._next_ack()

    def refuse(self, reason: str) -> None:
        """The scheduler will never take what is not acknowledged: the attempt ends at its next append."""
        self.broken = OutboxError(f"the scheduler refuses what the attempt tells: {reason}")
        self._unacked.clear()
        self._unacked_bytes = 0
        self._reserved = self.acked_sequence
        self._acked.set()

    def close(self) -> None:
        """Keep what is on disk for the next process."""
        os.close(self._descriptor)

    async def _next_ack(self) -> None:
        self._acked.clear()
        await self._acked.wait()

    def _on_written(self, done: "asyncio.Future[None]", record: bytes) -> None:
        if (failure := done.exception()) is not None:
            # What followed it in the queue would leave a hole: this log takes nothing more.
            self.broken = self.broken or OutboxError(f"{self._path.name}: an earlier event was not written: {failure}")
            self._reserved = self.last_sequence
            self._acked.set()
            return
        if self.broken is not None:
            return
        self._unacked.append(record)
        self._unacked_bytes += len(record)
        self._changed.set()


class Outbox:
    """The logs of all attempts that this runner holds: also its memory of which it has accepted."""

    def __init__(self, folder: Path) -> None:
        """Recovers the logs that an earlier process left in `folder`."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.changed = asyncio.Event()
        self.logs: dict[str, Log] = {}
        self._folder = folder
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        for path in sorted(folder.iterdir()):
            if _FILE.match(path.name):
                self._open(path)

    def hold(self, attempt_id: str, fence: int) -> Log:
        """Remember an attempt durably, before it is accepted. The same one again returns its log."""
        assert is_id(attempt_id, "att")
        if (log := self.logs.get(attempt_id)) is not None and log.fence == fence:
            return log
        log = self._open(self._folder / f"{attempt_id}.{fence}")
        _sync_folder(self._folder)
        return log

    def forget(self, attempt_id: str) -> None:
        """Drop an attempt that is over for the scheduler. Unknown ones are ignored."""
        if (log := self.logs.pop(attempt_id, None)) is not None:
            # After what is still queued for it: a number closed earlier may belong to another file by then.
            self._disk.submit(log.close)
            (self._folder / f"{log.attempt_id}.{log.fence}").unlink(missing_ok=True)

    def close(self) -> None:
        """Wait for the disk, then let go of the files."""
        self._disk.shutdown()
        for log in self.logs.values():
            log.close()

    def _open(self, path: Path) -> Log:
        log = Log(path, changed=self.changed, disk=self._disk)
        self.logs[log.attempt_id] = log
        return log


def _write(descriptor: int, record: bytes) -> None:
    start = os.lseek(descriptor, 0, os.SEEK_END)
    rest = memoryview(_HEADER.pack(len(record), zlib.crc32(record)) + record)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError:
        # Where even this fails, the torn end is cut off when the log is read again.
        with suppress(OSError):
            os.ftruncate(descriptor, start)
        raise


def _read_records(path: Path) -> list[bytes]:
    """The whole records of a log. A torn end, from a crash in mid-write, was never acted on and is cut off."""
    if not path.exists():
        return []
    data = path.read_bytes()
    records: list[bytes] = []
    position = 0
    while position + _HEADER.size <= len(data):
        length, checksum = _HEADER.unpack_from(data, position)
        record = data[position + _HEADER.size : position + _HEADER.size + length]
        if len(record) < length or zlib.crc32(record) != checksum:
            break
        records.append(record)
        position += _HEADER.size + length
    if position < len(data):
        os.truncate(path, position)
    return records


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
