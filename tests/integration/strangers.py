"""Peers that connect and are no callers: they say nothing, or half of what they should."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from errand_common.addresses import split
from errand_common.handshake import SERVER_NAME

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS = bytes(3) + b"\4" + bytes(5)
"""A frame of no settings: its length, its kind, no flags, the stream 0 (RFC 9113, 4.1)."""


def hello() -> bytes:
    """The first half of a TLS handshake."""
    said = ssl.MemoryBIO()
    half = _trusting_anybody().wrap_bio(ssl.MemoryBIO(), said, server_hostname=SERVER_NAME)
    try:
        half.do_handshake()
    except ssl.SSLWantReadError:
        return said.read()
    raise AssertionError("nobody answered")


@contextmanager
def crowd(address: str, count: int, *, words: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many connections, each of which says these words and no more."""
    sockets = []
    try:
        for _ in range(count):
            sockets.append(socket.create_connection(split(address)))
            sockets[-1].sendall(words)
        yield sockets
    finally:
        for each in sockets:
            each.close()


async def over_tls(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection whose handshake is done, and on which nothing was said since."""
    host, port = split(address)
    return await asyncio.open_connection(host, port, ssl=_trusting_anybody(), server_hostname=SERVER_NAME)


async def over_http2(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """One on which HTTP/2 began too."""
    reader, writer = await over_tls(address)
    writer.write(_PREFACE + _SETTINGS)
    return reader, writer


async def until_closed(reader: asyncio.StreamReader) -> None:
    """Return once the peer has closed the connection, however it did that."""
    try:
        while await reader.read(65536):
            pass
    except OSError:
        pass


def _trusting_anybody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context
