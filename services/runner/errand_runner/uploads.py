"""Long content on its way up: put before the events that refer to it are sent."""

import asyncio
from collections.abc import Callable, Iterator

from errand.v1.dispatch_service_pb2 import PutBlobRequest
from errand.v1.runner_pb2 import AttemptEvent, AttemptRef
from errand.v1.task_pb2 import Blob
from errand_common import rpc
from errand_common.errors import Denied, ErrandError, Unauthenticated, Unimplemented
from errand_runner.dispatch import Dispatch
from errand_runner.outbox import Log, Outbox
from errand_runner.outbox.blobs import blobs_of

PIECE_BYTES = 256 * 1024
"""How much of a blob one message carries."""

PUT_S = 300.0
"""The deadline for putting one blob: 32 MiB over a slow line."""

_Key = tuple[str, str]  # attempt, hash


class Uploads:
    """One session's uploads, one at a time. While one is under way, the events of other attempts go on."""

    def __init__(
        self, dispatch: Dispatch, *, session_id: str, outbox: Outbox, on_refused: Callable[[str, ErrandError], None]
    ) -> None:
        """`on_refused(attempt, error)` hears what the scheduler says against a blob."""
        self._dispatch, self._session_id, self._outbox = dispatch, session_id, outbox
        self._on_refused = on_refused
        self._stored: dict[_Key, None] = {}
        self._wanted: dict[_Key, Blob] = {}
        self._asked = asyncio.Event()

    def ready(self, log: Log, event: AttemptEvent) -> bool:
        """Whether all that an event refers to is stored. What is not will be; the outbox's `changed` tells of it."""
        missing = {}
        for blob in blobs_of(event):
            if (key := (log.attempt_id, blob.sha256)) not in self._stored:
                missing[key] = blob
        if missing:
            self._wanted.update(missing)
            self._asked.set()
        return not missing

    def put_again(self, attempt_id: str) -> None:
        """The scheduler misses a blob of this attempt."""
        self._stored = {key: None for key in self._stored if key[0] != attempt_id}

    async def run(self) -> None:
        """Put what is asked for, for ever. Raises ErrandError when the line or the session is broken."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._wanted:
                key = next(iter(self._wanted))
                await self._see_to(key, self._wanted[key])
                del self._wanted[key]
                self._outbox.changed.set()

    async def _see_to(self, key: _Key, blob: Blob) -> None:
        log = self._outbox.logs.get(key[0])
        if log is None:
            return
        try:
            content = await asyncio.to_thread(log.blobs.path(blob.sha256).read_bytes)
            await self._put(log, blob, content)
        except FileNotFoundError:
            # Removed when its event was acknowledged, to an earlier process; the scheduler says so where it is not.
            pass
        except OSError as exc:
            log.refuse(f"a blob cannot be read: {exc.strerror}; see to the disk that holds ERRAND_DATA")
        except ErrandError as exc:
            if _breaks_the_session(exc):
                raise
            self._on_refused(log.attempt_id, exc)
            return
        self._stored[key] = None

    async def _put(self, log: Log, blob: Blob, content: bytes) -> None:
        attempt = AttemptRef(attempt_id=log.attempt_id, fence=log.fence)
        first = PutBlobRequest(session_id=self._session_id, attempt=attempt, blob=blob)
        with rpc.renamed_errors():
            await self._dispatch.stub.PutBlob(_pieces(first, content), metadata=self._dispatch.metadata, timeout=PUT_S)


def _pieces(first: PutBlobRequest, content: bytes) -> Iterator[PutBlobRequest]:
    first.chunk = content[:PIECE_BYTES]
    yield first
    for start in range(PIECE_BYTES, len(content), PIECE_BYTES):
        yield PutBlobRequest(chunk=content[start : start + PIECE_BYTES])


def _breaks_the_session(error: ErrandError) -> bool:
    """Whether it says nothing of the blob or its attempt."""
    whole = isinstance(error, Unauthenticated | Denied | Unimplemented)
    return whole or bool(error.transport) or error.reason == "SESSION_SUPERSEDED"
