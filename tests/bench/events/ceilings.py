"""What the parts of the way can do bare: rows into SQLite in groups, and batches over a gRPC stream."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc

from errand.v1.dispatch_service_pb2 import AttemptAck, AttemptBatch, StreamEventsRequest, StreamEventsResponse
from errand.v1.event_pb2 import EventBody, ModelDelayed
from errand.v1.runner_pb2 import AttemptEvent
from errand_scheduler.store.connection import open_for_writing

GROUP = 512
"""Rows in a group: as many operations as the scheduler's writer takes at once."""
BATCH = 64
WINDOW = 4
_BODY = b"." * 600
_TABLE = """
    CREATE TABLE events (
        event_id INTEGER PRIMARY KEY AUTOINCREMENT,
        task_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        attempt_id TEXT,
        attempt_sequence INTEGER,
        kind TEXT NOT NULL,
        body BLOB NOT NULL,
        created_time INTEGER NOT NULL,
        UNIQUE (attempt_id, attempt_sequence)
    ) STRICT
"""


def bare_commits(folder: Path, count: int) -> float:
    """Rows per second: groups of the events' table's shape, each on disk before the next begins."""
    path = folder / "bare.db"
    path.unlink(missing_ok=True)
    with closing(open_for_writing(path)) as connection:
        connection.execute(_TABLE)
        connection.execute("CREATE INDEX events_by_task ON events (task_id, event_id)")
        connection.execute("CREATE INDEX events_by_user ON events (user_id, event_id)")
        started_s = time.monotonic()
        for first in range(0, count, GROUP):
            _commit(connection, range(first, min(first + GROUP, count)))
        return count / (time.monotonic() - started_s)


def _commit(connection: sqlite3.Connection, numbers: range) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT INTO events (task_id, user_id, attempt_id, attempt_sequence, kind, body, created_time)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(f"tsk_{n % 64}", "usr_1", f"att_{n % 64}", n, "model_delayed", _BODY, n) for n in numbers],
    )
    connection.execute("COMMIT")


async def bare_stream(count: int) -> float:
    """Events per second: batches on one bidirectional stream, four under way, each answered and nothing stored."""
    server = grpc.aio.server()
    handler = grpc.stream_stream_rpc_method_handler(
        _answer,
        request_deserializer=StreamEventsRequest.FromString,
        response_serializer=StreamEventsResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare.Bare", {"Stream": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            return await _stream(channel, count)
    finally:
        await server.stop(None)


async def _answer(requests: AsyncIterator[StreamEventsRequest], context: Any) -> AsyncIterator[StreamEventsResponse]:
    async for request in requests:
        acks = [
            AttemptAck(attempt_id=batch.attempt.attempt_id, acked_sequence=batch.events[-1].sequence)
            for batch in request.batches
        ]
        yield StreamEventsResponse(batch_number=request.batch_number, acks=acks)


async def _stream(channel: grpc.aio.Channel, count: int) -> float:
    call = channel.stream_stream(
        "/bare.Bare/Stream",
        request_serializer=StreamEventsRequest.SerializeToString,
        response_deserializer=StreamEventsResponse.FromString,
    )()
    started_s, under_way = time.monotonic(), asyncio.Semaphore(WINDOW)

    async def read() -> None:
        for _ in range(-(-count // BATCH)):
            assert await call.read() is not grpc.aio.EOF
            under_way.release()

    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        for number in range(-(-count // BATCH)):
            await under_way.acquire()
            await call.write(_batch(number))
    elapsed_s = time.monotonic() - started_s
    await call.done_writing()
    return count / elapsed_s


def _batch(number: int) -> StreamEventsRequest:
    body = EventBody(model_delayed=ModelDelayed(reason=_BODY.decode()))
    events = [AttemptEvent(sequence=number * BATCH + n, body=body) for n in range(BATCH)]
    return StreamEventsRequest(batch_number=number, batches=[AttemptBatch(events=events)])
