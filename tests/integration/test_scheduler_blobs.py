"""Long content: put by runners before what refers to it, read by people and by the attempt that goes on."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager

import grpc
import pytest

from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import event_pb2, runner_pb2, task_pb2
from errand.v1 import task_service_pb2 as tasks
from errand_common.errors import from_rpc_error
from tests.integration.scheduling import (
    DEADLINE_S,
    Person,
    ScriptedRunner,
    Stack,
    message_event,
    new_task,
    tool_events,
)

LINE = b"\x00\xff\xfe no UTF-8 " * (10 * 1024 * 1024 // 14)  # 10 MB without an end of line
LONG, SHORT = b'["' + b"y" * 70_000 + b'"]', b'["' + b"z" * 300_000 + b'"]'
PIECE = 1024 * 1024


def blob_of(content: bytes) -> task_pb2.Blob:
    return task_pb2.Blob(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def pieces(
    runner: ScriptedRunner, ref: runner_pb2.AttemptRef, blob: task_pb2.Blob, chunks: Sequence[bytes]
) -> Iterator[dispatch.PutBlobRequest]:
    yield dispatch.PutBlobRequest(session_id=runner.session_id, attempt=ref, blob=blob, chunk=chunks[0])
    yield from (dispatch.PutBlobRequest(chunk=chunk) for chunk in chunks[1:])


def cut(content: bytes, size_bytes: int = PIECE) -> list[bytes]:
    return [content[place : place + size_bytes] for place in range(0, len(content), size_bytes)]


async def send(runner: ScriptedRunner, requests: "Iterable[dispatch.PutBlobRequest]") -> None:
    await runner.stub.PutBlob(iter(requests), metadata=runner.metadata, timeout=DEADLINE_S)


async def put(runner: ScriptedRunner, ref: runner_pb2.AttemptRef, content: bytes) -> task_pb2.Blob:
    blob = blob_of(content)
    await send(runner, pieces(runner, ref, blob, cut(content)))
    return blob


async def get(person: Person, task_id: str, sha256: str) -> list[bytes]:
    request = tasks.GetBlobRequest(task_id=task_id, sha256=sha256)
    call = person.tasks.GetBlob(request, metadata=person.metadata, timeout=DEADLINE_S)
    return [piece.chunk async for piece in call]


@contextmanager
def refused(reason: str, match: str | None = None) -> Iterator[None]:
    with pytest.raises(grpc.aio.AioRpcError, match=match) as refusal:
        yield
    assert from_rpc_error(refusal.value).reason == reason


def stored_files(running: Stack) -> list[str]:
    return [path.name for path in (running.data / "blobs").rglob("*") if path.is_file()]


async def until_files(running: Stack, runner: ScriptedRunner, count: int) -> None:
    """Until so many blobs are stored or on their way."""
    async with asyncio.timeout(DEADLINE_S):
        while len(stored_files(running)) != count:
            await runner.beat()


def referring(blob: task_pb2.Blob) -> runner_pb2.AttemptEvent:
    event = message_event(task_pb2.ROLE_USER, b"")
    event.message.content_blob.CopyFrom(blob)
    return event


async def test_a_line_of_ten_megabytes_that_is_no_text_comes_back_byte_for_byte(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        blob = blob_of(LINE)
        refers = referring(blob)
        assert (await runner.send(ref, refers)).error_reason == "BLOB_MISSING"
        await put(runner, ref, LINE)
        assert (await runner.send_as_is(ref, refers)).error_reason == ""
        got = await get(person, task.task_id, blob.sha256)
        assert b"".join(got) == LINE
        assert max(map(len, got)) == 256 * 1024
        listed = await person.tasks.ListMessages(
            tasks.ListMessagesRequest(task_id=task.task_id), metadata=person.metadata
        )
        assert [(each.content, each.content_blob) for each in listed.messages] == [(b"", blob)]


async def test_a_blob_that_is_stored_is_not_sent_again(running: Stack) -> None:
    await new_task(running)
    taken: list[int] = []

    async def endless(ref: runner_pb2.AttemptRef, runner: ScriptedRunner) -> AsyncIterator[dispatch.PutBlobRequest]:
        for request in pieces(runner, ref, blob_of(LONG), [LONG]):
            yield request
        while True:
            taken.append(1)
            yield dispatch.PutBlobRequest(chunk=bytes(PIECE))

    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        await put(runner, ref, LONG)
        await runner.stub.PutBlob(endless(ref, runner), metadata=runner.metadata, timeout=DEADLINE_S)
        assert len(taken) < 100


async def test_a_blob_whose_file_was_lost_is_taken_again(running: Stack) -> None:
    await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        await put(runner, ref, LONG)
        path = running.data / "blobs" / blob_of(LONG).sha256[:2] / blob_of(LONG).sha256
        path.unlink()
        await put(runner, ref, LONG)
        assert path.read_bytes() == LONG


async def test_what_is_not_a_blob_of_a_live_attempt_is_refused_and_leaves_nothing(running: Stack) -> None:
    await new_task(running)
    async with running.runner() as runner:
        offered = (await runner.next_assignment()).attempt
        blob = blob_of(LONG)
        with refused("WRONG_STATE", "accept it"):
            await put(runner, offered, LONG)
        assert (await runner.accept(offered)).error_reason == ""
        ref = offered
        older = runner_pb2.AttemptRef(attempt_id=ref.attempt_id, fence=ref.fence - 1)
        with refused("LEASE_SUPERSEDED"):
            await put(runner, older, LONG)
        with refused("INVALID", "nothing came"):
            await send(runner, [])
        for digits in (blob.sha256[:-1], blob.sha256.upper(), "../" * 21 + "a"):
            with refused("INVALID", "64 lower-case hexadecimal digits"):
                await send(runner, pieces(runner, ref, task_pb2.Blob(sha256=digits, size_bytes=5), [b"12345"]))
        for size_bytes in (0, 32 * 1024 * 1024 + 1):
            wrong = task_pb2.Blob(sha256=blob.sha256, size_bytes=size_bytes)
            with refused("INVALID", "it must have 1 to"):
                await send(runner, pieces(runner, ref, wrong, [b"12345"]))
        for chunks in ([LONG, b"more"], [LONG[:-1]], [b"x" + LONG[1:]]):
            with refused("INVALID", blob.sha256):
                await send(runner, pieces(runner, ref, blob, chunks))
        with refused("INVALID", "the most is"):
            await send(runner, pieces(runner, ref, blob_of(LINE), [LINE[: PIECE + 1]]))
        wrong_session = dispatch.PutBlobRequest(session_id="ses_other", attempt=ref, blob=blob, chunk=LONG)
        with refused("SESSION_SUPERSEDED"):
            await send(runner, [wrong_session])
        assert stored_files(running) == []
        await runner.finish(ref)
        with refused("LEASE_SUPERSEDED"):
            await put(runner, ref, LONG)


async def test_one_runner_puts_a_few_at_once_and_is_asked_to_come_back_with_more(running: Stack) -> None:
    await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        calls = [runner.stub.PutBlob(metadata=runner.metadata, timeout=DEADLINE_S) for _ in range(4)]
        for number, call in enumerate(calls):
            [first] = pieces(runner, ref, blob_of(LONG + b"%d" % number), [LONG])
            await call.write(first)
        await until_files(running, runner, 4)
        with refused("EXHAUSTED", "put this again"):
            await put(runner, ref, SHORT)
        for call in calls:
            call.cancel()
        await until_files(running, runner, 0)
        await put(runner, ref, SHORT)


async def test_content_is_shown_to_who_may_see_what_refers_to_it(running: Stack) -> None:
    person, task = await new_task(running)
    other_task = await person.create(task.project_id)
    stranger = await running.sign_in("hubot")
    async with running.runner() as runner:
        assignments = [await runner.take() for _ in range(2)]
        ref = next(each.attempt for each in assignments if each.task.task_id == task.task_id)
        blob = await put(runner, ref, LONG)
        with refused("NOT_FOUND", "refers to no content"):
            await get(person, task.task_id, blob.sha256)
        started, finished = tool_events("toolu_1")
        finished.tool_call.ClearField("output")
        finished.tool_call.output_blob.CopyFrom(blob)
        assert (await runner.send(ref, started, finished)).error_reason == ""
        assert b"".join(await get(person, task.task_id, blob.sha256)) == LONG
        for who, where in ((person, other_task.task_id), (stranger, task.task_id)):
            with refused("NOT_FOUND"):
                await get(who, where, blob.sha256)
        with refused("INVALID", "SHA-256"):
            await get(person, task.task_id, "../../etc/passwd")
        (running.data / "blobs" / blob.sha256[:2] / blob.sha256).unlink()
        with refused("NOT_FOUND", "no longer"):
            await get(person, task.task_id, blob.sha256)


async def test_a_transcript_carries_content_behind_what_refers_to_it(running: Stack) -> None:
    await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        long, short, line = [await put(runner, ref, content) for content in (LONG, SHORT, LINE)]
        prefix = runner_pb2.AttemptEvent(
            body=event_pb2.EventBody(prefix_frozen=event_pb2.PrefixFrozen(model="m")), prefix=b"\x00fixed"
        )
        said = message_event(task_pb2.ROLE_ASSISTANT, b"[1]")
        started, finished = tool_events("toolu_1")
        for event in (started, finished):
            event.tool_call.ClearField("input")
            event.tool_call.input_blob.CopyFrom(short)
        finished.tool_call.ClearField("output")
        finished.tool_call.output_blob.CopyFrom(line)
        assert (await runner.send(ref, prefix, referring(long), said, started, finished)).error_reason == ""
        got = await transcript(runner, ref)
        assert [kind for kind, _ in got] == ["prefix", "message", long.sha256, "message", "tool_call", short.sha256,
                                             line.sha256]  # fmt: skip
        assert [content for _, content in got] == [b"\x00fixed", b"", LONG, b"[1]", b"", SHORT, LINE]
        (running.data / "blobs" / short.sha256[:2] / short.sha256).unlink()
        with refused("WRONG_STATE", "cannot be continued"):
            await transcript(runner, ref)


async def test_a_transcript_leaves_out_what_a_later_message_replaces(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        first, second = [message_event(task_pb2.ROLE_USER, content) for content in (b"[1]", b"[2]")]
        summary = message_event(task_pb2.ROLE_ASSISTANT, b"[3]", task_pb2.Usage(output_tokens=7))
        summary.message.replaces_message_id = first.message.message_id
        shortened = event_pb2.ConversationShortened(message_id=summary.message.message_id, summary="It grew long.")
        summary.body.CopyFrom(event_pb2.EventBody(conversation_shortened=shortened))
        dropped = event_pb2.ReplyDropped(usage=task_pb2.Usage(output_tokens=5))
        paid = runner_pb2.AttemptEvent(body=event_pb2.EventBody(reply_dropped=dropped))
        last = message_event(task_pb2.ROLE_USER, b"[4]")
        assert (await runner.send(ref, first, second, summary, paid, last)).error_reason == ""
        assert await transcript(runner, ref) == [("message", b"[3]"), ("message", b"[4]")]
    request = tasks.ListMessagesRequest(task_id=task.task_id)
    known = await person.tasks.ListMessages(request, metadata=person.metadata, timeout=DEADLINE_S)
    assert [message.content for message in known.messages] == [b"[1]", b"[2]", b"[3]", b"[4]"]
    assert known.messages[2].replaces_message_id == first.message.message_id
    assert (await person.task(task.task_id)).usage.output_tokens == 12


async def transcript(runner: ScriptedRunner, ref: runner_pb2.AttemptRef) -> list[tuple[str, bytes]]:
    """Its items in order, the pieces of one content put together under its hash."""
    request = dispatch.GetTranscriptRequest(session_id=runner.session_id, attempt=ref)
    got: list[tuple[str, bytes]] = []
    async for piece in runner.stub.GetTranscript(request, metadata=runner.metadata, timeout=DEADLINE_S):
        match piece.WhichOneof("item"):
            case "prefix":
                got.append(("prefix", piece.prefix))
            case "message":
                got.append(("message", piece.message.content))
            case "tool_call":
                got.append(("tool_call", piece.tool_call.input + piece.tool_call.output))
            case "blob_chunk":
                chunk = piece.blob_chunk
                before = got.pop()[1] if got[-1][0] == chunk.sha256 else b""
                got.append((chunk.sha256, before + chunk.data))
    return got
