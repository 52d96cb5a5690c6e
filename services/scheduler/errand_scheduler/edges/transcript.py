"""The transcript for an attempt that goes on with it."""

from collections.abc import AsyncIterator

from errand.v1 import dispatch_service_pb2 as pb
from errand_common.errors import Conflict, NotFound
from errand_common.values import Role
from errand_scheduler import wire
from errand_scheduler.edges.blobs import Blobs
from errand_scheduler.store import messages, money, progress, tasks, tool_calls
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.blobs import Blob
from errand_scheduler.store.query import Query
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.sizes import Size, fitting

_READ_BYTES = 1024 * 1024
_READ_ROWS = 100


async def transcript(
    reader: Reader, blobs: Blobs, attempt: Attempt, *, now_us: int
) -> AsyncIterator[pb.GetTranscriptResponse]:
    """What the task spent, with the time that this attempt has had it; the prefix if it is settled, every message that
    no later one replaces, then the tool calls that follow the last message if the model said it; the content of a blob
    after what refers to it. Read in pieces, nothing held while sending.

    Raises Conflict where content is no longer stored: nobody can go on from a part of a conversation.
    """
    task_id = attempt.task_id
    task = await reader.one(tasks.by_id(task_id))
    assert task is not None  # foreign key
    working_us = max(now_us - (attempt.accepted_time or now_us), 0)
    yield pb.GetTranscriptResponse(spent=wire.spent(task, working_us=working_us))
    if cost := await reader.one(money.cost_of(attempt.attempt_id)):
        yield pb.GetTranscriptResponse(attempt_nanodollars=cost)
    prefix = await reader.one(progress.prefix(task_id))
    if prefix is not None:
        yield pb.GetTranscriptResponse(prefix=prefix)
    after, last_role = 0, None
    while (
        last := await _last_of_piece(reader, messages.sizes(task_id, after=after, limit=_READ_ROWS, standing=True))
    ) is not None:
        for message in await reader.all(messages.between(task_id, after=after, last=last, standing=True)):
            yield pb.GetTranscriptResponse(message=wire.message(message))
            async for chunk in _contents(blobs, message.content_blob):
                yield chunk
            last_role = message.role
        after = last
    if last_role is not Role.ASSISTANT:
        return
    while (last := await _last_of_piece(reader, tool_calls.sizes(task_id, after=after, limit=_READ_ROWS))) is not None:
        for call in await reader.all(tool_calls.between(task_id, after=after, last=last)):
            yield pb.GetTranscriptResponse(tool_call=wire.tool_call(call))
            async for chunk in _contents(blobs, call.input_blob, call.output_blob):
                yield chunk
        after = last


async def _contents(blobs: Blobs, *named: Blob | None) -> AsyncIterator[pb.GetTranscriptResponse]:
    for blob in filter(None, named):
        try:
            async for data in blobs.read(blob):
                yield pb.GetTranscriptResponse(blob_chunk=pb.BlobChunk(sha256=blob.sha256, data=data))
        except NotFound as exc:
            raise Conflict(f"{exc.message}: the task cannot be continued; create a new one") from exc


async def _last_of_piece(reader: Reader, sizes: Query[Size]) -> int | None:
    found = await reader.all(sizes)
    return fitting(found, limit_bytes=_READ_BYTES) if found else None
