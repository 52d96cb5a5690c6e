"""Long content on its way in from runners and out to people."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta

from errand.v1 import dispatch_service_pb2 as dispatch_pb
from errand.v1 import task_service_pb2 as task_pb
from errand_common.errors import Conflict, Exhausted, Invalid, NotFound, Unavailable
from errand_common.tasks import to_the_end
from errand_common.values import AttemptPhase
from errand_scheduler.access.callers import runner_id
from errand_scheduler.board import Board
from errand_scheduler.edges import contents, incoming
from errand_scheduler.keeping.blob_files import BlobFiles, Receiving
from errand_scheduler.lifecycle.turns import superseded
from errand_scheduler.runners import RunnerSessions
from errand_scheduler.store import blobs
from errand_scheduler.store.blobs import Blob
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.writer import Writer

CHUNK_BYTES = 256 * 1024
"""How much of a blob is sent, and held in memory, at a time."""
_PUTS = 16  # at once, each with a piece of at most 1 MiB in memory
_PUTS_OF_A_RUNNER = 4  # so that one that stalls leaves room for the others
_BUSY_RETRY = timedelta(seconds=1)
_PIECE_BYTES = 1024 * 1024
_PIECE_S = 30.0  # a sender that is silent for longer is gone, or should begin again


class Blobs:
    """Stores what runners put, and reads it for whoever may see what refers to it."""

    def __init__(
        self, *, reader: Reader, writer: Writer, board: Board, sessions: RunnerSessions, files: BlobFiles
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._board = board
        self._sessions = sessions
        self._files = files
        self._putting: Counter[str] = Counter()

    async def put(self, requests: AsyncIterator[dispatch_pb.PutBlobRequest]) -> dispatch_pb.PutBlobResponse:
        """Store a blob under its hash; one that is stored already is not read again.

        Raises Invalid for content that is not what its hash or size says, Conflict where the attempt is not a live one
        of the session, Exhausted where too many put at once or the disk is full, Unavailable.
        """
        first = await _next(requests)
        if first is None:
            raise Invalid("nothing came; send the blob's name and its content")
        runner = self._check_sender(first)
        blob = contents.blob(first.blob)
        if not await self._stored(blob):
            with self._place(runner):
                await self._receive(blob, first.chunk, requests)
            await self._writer.write(lambda tx: blobs.insert(tx, blob), size_bytes=len(blob.sha256))
        return dispatch_pb.PutBlobResponse()

    async def get(self, task_id: str, sha256: str) -> AsyncIterator[task_pb.GetBlobResponse]:
        """The content that a message or tool call of the task refers to. Raises NotFound where none does."""
        blob = await self._reader.one(blobs.of_task(task_id, contents.sha256(sha256)))
        if blob is None:
            raise NotFound(f"task {task_id} refers to no content {sha256}")
        async for chunk in self.read(blob):
            yield task_pb.GetBlobResponse(chunk=chunk)

    async def read(self, blob: Blob) -> AsyncIterator[bytes]:
        """The content in pieces; nothing is held between two of them. Raises NotFound where its file is gone."""
        for offset in range(0, blob.size_bytes, CHUNK_BYTES):
            yield await asyncio.to_thread(self._files.read, blob, offset=offset, most_bytes=CHUNK_BYTES)

    def _check_sender(self, first: dispatch_pb.PutBlobRequest) -> str:
        session = self._sessions.current(runner_id(), first.session_id)
        holder = incoming.holder(first.attempt, session.runner_id)
        attempt = self._board.held(holder)
        if attempt is None:
            raise superseded(holder)
        if attempt.phase is AttemptPhase.OFFERED:
            raise Conflict(f"attempt {attempt.attempt_id} is only offered; accept it before putting content")
        return session.runner_id

    async def _stored(self, blob: Blob) -> bool:
        known = await self._reader.one(blobs.stored([blob.sha256]))
        if known is None:
            return False
        if known != blob:
            raise Invalid(f"content {blob.sha256} has {known.size_bytes} bytes, not {blob.size_bytes}")
        return await asyncio.to_thread(self._files.holds, blob)

    @contextmanager
    def _place(self, runner: str) -> Iterator[None]:
        if self._putting[runner] >= _PUTS_OF_A_RUNNER or self._putting.total() >= _PUTS:
            raise Exhausted("too much content is being put at once; put this again", retry_after=_BUSY_RETRY)
        self._putting[runner] += 1
        try:
            yield
        finally:
            self._putting[runner] -= 1

    async def _receive(self, blob: Blob, chunk: bytes, requests: AsyncIterator[dispatch_pb.PutBlobRequest]) -> None:
        receiving = await to_the_end(asyncio.to_thread(self._files.begin, blob))
        try:
            await _write(receiving, chunk)
            while (following := await _next(requests)) is not None:
                await _write(receiving, following.chunk)
            await to_the_end(asyncio.to_thread(receiving.keep))
        finally:
            await to_the_end(asyncio.to_thread(receiving.drop))


async def _write(receiving: Receiving, chunk: bytes) -> None:
    if len(chunk) > _PIECE_BYTES:
        raise Invalid(f"a piece has {len(chunk)} bytes; the most is {_PIECE_BYTES}")
    await to_the_end(asyncio.to_thread(receiving.write, chunk))


async def _next(requests: AsyncIterator[dispatch_pb.PutBlobRequest]) -> dispatch_pb.PutBlobRequest | None:
    """The next piece; none at the end. Raises Unavailable where none comes for long."""
    try:
        async with asyncio.timeout(_PIECE_S):
            return await anext(requests, None)
    except TimeoutError as exc:
        raise Unavailable(f"no piece of the content came for {_PIECE_S:.0f} s; put it again") from exc
