"""The socket of a `docker exec` as asyncio streams.

The engine wraps what the process writes into records: an 8-byte header (stream, three zeros, u32 length), then the
bytes. Only stdout reaches the reader; the tail of stderr is kept to say why a process failed.
"""

import asyncio
import socket
import struct

_HEADER = struct.Struct(">BxxxL")
_STDERR = 2
_TAIL_BYTES = 4096


class ExecStream(asyncio.StreamReaderProtocol):
    """Strips the headers. As a protocol, not a task between two streams, it keeps the reader's back-pressure."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self.stderr_tail = b""
        self._header = bytearray()
        self._stream = 0
        self._left = 0

    def data_received(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            if self._left == 0:
                at += self._take_header(data[at : at + _HEADER.size - len(self._header)])
                continue
            part = data[at : at + self._left]
            at += len(part)
            self._left -= len(part)
            if self._stream == _STDERR:
                self.stderr_tail = (self.stderr_tail + part)[-_TAIL_BYTES:]
            else:
                super().data_received(part)

    def _take_header(self, part: bytes) -> int:
        self._header += part
        if len(self._header) == _HEADER.size:
            self._stream, self._left = _HEADER.unpack(self._header)
            self._header.clear()
        return len(part)


async def open_exec_stream(connected: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, ExecStream]:
    """Takes over a connected socket, which must be this call's own; closing the writer closes it."""
    connected.setblocking(False)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    stream = ExecStream(reader)
    transport, _ = await loop.create_connection(lambda: stream, sock=connected)
    return reader, asyncio.StreamWriter(transport, stream, reader, loop), stream
