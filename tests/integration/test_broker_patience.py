"""A broker waits only so long for a request's head, and for its body, and takes what nobody can read in its stride."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from errand_runner.broker.patience import Patience
from tests.integration.brokering import BRANCH, ONE, ZERO, Lender, make_broker, pkt, raw_status
from tests.integration.git_backend import GitBackend

REFERENCES = b"GET /git/octo/demo.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: x\r\n"
PUSH = b"POST /git/octo/demo.git/git-receive-pack HTTP/1.1\r\nHost: x\r\n"
COMMAND = (pkt(f"{ZERO} {ONE} refs/heads/{BRANCH}\0report-status") + b"0000PACK").ljust(1000, b"x")


@asynccontextmanager
async def asking(state_dir: Path) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(state_dir / "s/broker.sock")
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def test_a_head_that_trickles_in_is_not_waited_for(state_dir: Path, backend: GitBackend, lender: Lender) -> None:
    patience = Patience(head_s=0.3)
    async with make_broker(state_dir, backend, lender, patience=patience), asking(state_dir) as (reader, writer):
        writer.write(REFERENCES)
        ended = asyncio.ensure_future(reader.read())
        while not ended.done():
            writer.write(b"X: y\r\n")
            await asyncio.wait([ended], timeout=0.05)
        with suppress(ConnectionResetError):
            assert await ended == b""
    assert lender.asked == []


async def test_the_head_of_the_next_request_has_its_own_time(
    state_dir: Path, backend: GitBackend, lender: Lender
) -> None:
    patience = Patience(head_s=0.3)
    async with make_broker(state_dir, backend, lender, patience=patience), asking(state_dir) as (reader, writer):
        for _ in range(2):
            writer.write(REFERENCES + b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0]))
        writer.write(REFERENCES)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
    assert len(backend.requests) == 2


@pytest.mark.parametrize("length", [5000, 2_000_000], ids=["kept", "streamed"])
async def test_a_body_that_stops_is_not_waited_for(
    state_dir: Path, backend: GitBackend, lender: Lender, length: int
) -> None:
    patience = Patience(body_s=0.3)
    async with make_broker(state_dir, backend, lender, patience=patience), asking(state_dir) as (reader, writer):
        writer.write(PUSH + b"Content-Length: %d\r\n\r\n" % length + COMMAND)
        answer = await reader.readuntil(b" came")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert answer.endswith(b"for 0.3 s nothing more of this request came")


async def test_what_is_no_http_is_answered_and_told_in_a_line(
    state_dir: Path, backend: GitBackend, lender: Lender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as lines:
        async with make_broker(state_dir, backend, lender):
            for sent in ("GET /git HTTP/1.1\r\nHost x\r\n\r\n", "GET /git HTTP/9\r\n\r\n", "\0\1\2 / HTTP/1.1\r\n\r\n"):
                assert await raw_status(state_dir, sent) == 400
    assert [line["event"] for line in lines] == ["git_request_unreadable"] * 3
    assert [record for record in caplog.records if record.exc_info] == []
