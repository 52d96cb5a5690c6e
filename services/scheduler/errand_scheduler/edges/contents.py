"""What runners send to be kept: messages, tool calls, and long content by name."""

import re

from errand.v1 import task_pb2
from errand_common.errors import Invalid
from errand_common.ids import is_id
from errand_common.values import Role
from errand_common.wire import seconds, word
from errand_scheduler.store.blobs import Blob
from errand_scheduler.store.messages import Message
from errand_scheduler.store.tool_calls import ToolCall
from errand_scheduler.store.usage import Usage

CONTENT_BYTES = 1024 * 1024
"""The most that content holds where it is no blob: as much as runners sent before there were blobs."""
BLOB_BYTES = 32 * 1024 * 1024
"""The most that a blob holds."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def sha256(digits: str) -> str:
    """The hash that names a blob. Raises Invalid."""
    if not _SHA256.fullmatch(digits):
        raise Invalid(f'"{digits[:80]}" is no SHA-256; write 64 lower-case hexadecimal digits')
    return digits


def blob(sent: task_pb2.Blob) -> Blob:
    """The name of long content. Raises Invalid."""
    if not 1 <= sent.size_bytes <= BLOB_BYTES:
        raise Invalid(f"content has {sent.size_bytes} bytes; it must have 1 to {BLOB_BYTES}")
    return Blob(sha256=sha256(sent.sha256), size_bytes=sent.size_bytes)


def message(sequence: int, message: task_pb2.Message) -> Message:
    """One of the transcript. Raises Invalid."""
    role = word(task_pb2.Role, message.role)
    if not is_id(message.message_id, "msg") or not role:
        raise Invalid(f"event {sequence}: message_appended comes with a message that has an id and a role")
    if message.replaces_message_id and not is_id(message.replaces_message_id, "msg"):
        raise Invalid(f"event {sequence}: replaces_message_id is no message's id; name the first that is replaced")
    return Message(
        message_id=message.message_id,
        role=Role(role),
        content=_inline(sequence, message.content, beside=message.HasField("content_blob")),
        model=message.model,
        stop_reason=message.stop_reason,
        usage=usage(message.usage) if message.HasField("usage") else None,
        content_blob=blob(message.content_blob) if message.HasField("content_blob") else None,
        replaces_message_id=message.replaces_message_id,
    )


def tool_call(sequence: int, call: task_pb2.ToolCall) -> ToolCall:
    """One that began. Raises Invalid."""
    if not call.tool_call_id or not call.tool_name:
        raise Invalid(f"event {sequence}: a tool call's event comes with the call, its id and its tool")
    return ToolCall(
        tool_call_id=call.tool_call_id,
        tool_name=call.tool_name,
        input=_inline(sequence, call.input, beside=call.HasField("input_blob")),
        input_blob=blob(call.input_blob) if call.HasField("input_blob") else None,
    )


def finished_call(sequence: int, call: task_pb2.ToolCall) -> ToolCall:
    """One with what came of it. Raises Invalid."""
    begun = tool_call(sequence, call)
    return ToolCall(
        tool_call_id=begun.tool_call_id,
        tool_name=begun.tool_name,
        input=begun.input,
        input_blob=begun.input_blob,
        output=_inline(sequence, call.output, beside=call.HasField("output_blob")),
        output_blob=blob(call.output_blob) if call.HasField("output_blob") else None,
        is_error=call.is_error,
        duration_us=round(seconds(call.duration) * 1e6),
    )


def _inline(sequence: int, content: bytes, *, beside: bool) -> bytes:
    """Content that came with its event. Raises Invalid where it is too much, or there is a blob beside it."""
    if len(content) > CONTENT_BYTES:
        raise Invalid(f"event {sequence}: {len(content)} bytes came with it; the most is {CONTENT_BYTES}, put a blob")
    if content and beside:
        raise Invalid(f"event {sequence}: content came with it and as a blob; send one of them")
    return content


def usage(usage: task_pb2.Usage) -> Usage:
    """What was used of the model."""
    return Usage(
        input_tokens=usage.input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        output_tokens=usage.output_tokens,
        cost_nanodollars=usage.cost_nanodollars if usage.HasField("cost_nanodollars") else None,
    )
