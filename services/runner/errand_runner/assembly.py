"""A transcript's pieces put together: long content, which comes apart, back in its place."""

import hashlib
from collections.abc import AsyncIterable
from dataclasses import dataclass, field

from google.protobuf.message import Message

from errand.v1.dispatch_service_pb2 import BlobChunk, GetTranscriptResponse
from errand.v1.task_pb2 import Blob
from errand_common.errors import Internal

_LONG_FIELDS = {"message": ("content",), "tool_call": ("input", "output")}


@dataclass
class _Hole:
    """A place that a blob's content belongs in."""

    record: Message
    name: str
    blob: Blob
    content: bytearray = field(default_factory=bytearray)


async def assembled(pieces: AsyncIterable[GetTranscriptResponse]) -> list[GetTranscriptResponse]:
    """The prefix, messages and tool calls of a transcript, each with its content in it, whatever its length.

    Raises Internal where what comes is not what the blobs' names and sizes say.
    """
    items: list[GetTranscriptResponse] = []
    holes: list[_Hole] = []
    async for piece in pieces:
        if piece.HasField("blob_chunk"):
            _fill(holes, piece.blob_chunk)
        else:
            _check_filled(holes)
            items.append(piece)
            holes = _holes(piece)
    _check_filled(holes)
    return items


def _holes(item: GetTranscriptResponse) -> list[_Hole]:
    """In the order in which their content follows."""
    kind = item.WhichOneof("item") or ""
    record = getattr(item, kind, None)
    return [
        _Hole(record, name, getattr(record, f"{name}_blob"))
        for name in _LONG_FIELDS.get(kind, ())
        if record is not None and record.HasField(f"{name}_blob")
    ]


def _fill(holes: list[_Hole], chunk: BlobChunk) -> None:
    if not holes or holes[0].blob.sha256 != chunk.sha256:
        raise Internal(f"the transcript has a piece of content {chunk.sha256} where none belongs")
    hole = holes[0]
    hole.content += chunk.data
    if len(hole.content) >= hole.blob.size_bytes:
        _close(hole)
        del holes[0]


def _close(hole: _Hole) -> None:
    found = hashlib.sha256(hole.content).hexdigest()
    if len(hole.content) != hole.blob.size_bytes or found != hole.blob.sha256:
        raise Internal(f"content {hole.blob.sha256} of {hole.blob.size_bytes} bytes came as {found}")
    setattr(hole.record, hole.name, bytes(hole.content))
    hole.record.ClearField(f"{hole.name}_blob")


def _check_filled(holes: list[_Hole]) -> None:
    if holes:
        raise Internal(f"the transcript lacks content {holes[0].blob.sha256}")
