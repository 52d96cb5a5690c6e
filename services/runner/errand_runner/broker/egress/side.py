"""One end of a tunnel: read by hand at first, then joined to the other end."""

import asyncio
from collections.abc import Callable

_BUFFER_BYTES = 256 * 1024


class Side(asyncio.Protocol):
    """Keeps what comes until it is joined; from then on everything goes straight to the peer, no faster than it takes
    it. `received_bytes` counts what came since. Before every piece `may_pass` is asked, with its size; where it says
    no, both ends are cut off.
    """

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.received_bytes = 0
        self.lost = asyncio.Event()
        self._kept = bytearray()
        self._came = asyncio.Event()
        self._at_end = False
        self._peer: Side | None = None
        self._may_pass: Callable[[int], bool] = lambda size: True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        if self._peer is not None:
            self._pass(data)
            return
        self._kept += data
        if len(self._kept) >= _BUFFER_BYTES and self.transport is not None:
            self.transport.pause_reading()
        self._came.set()

    def eof_received(self) -> bool:
        self._at_end = True
        self._came.set()
        if self._peer is not None:
            self._peer.end()
        # The other direction may go on.
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._at_end = True
        self._came.set()
        self.lost.set()
        if self._peer is not None:
            self._peer.close()

    def pause_writing(self) -> None:
        if self._peer is not None and self._peer.transport is not None:
            self._peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._peer is not None and self._peer.transport is not None:
            self._peer.transport.resume_reading()

    async def kept(self, known_bytes: int = -1) -> bytes:
        """All that came so far, as soon as it is more than `known_bytes`. Raises EOFError where no more will come."""
        while len(self._kept) <= known_bytes:
            if self._at_end:
                raise EOFError
            self._came.clear()
            await self._came.wait()
        return bytes(self._kept)

    def drop(self, size: int) -> None:
        """So much of what was kept is dealt with."""
        del self._kept[:size]

    def write(self, data: bytes) -> None:
        """Send by hand."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def join(self, peer: "Side", may_pass: Callable[[int], bool]) -> None:
        """From now on to the peer, what was kept first."""
        self._peer, self._may_pass = peer, may_pass
        data, self._kept = bytes(self._kept), bytearray()
        if data:
            self._pass(data)
        if self._at_end:
            peer.end()
        if self.lost.is_set():
            peer.close()
        elif self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def end(self) -> None:
        """Nothing more is sent."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write_eof()
            if self._at_end:
                self.transport.close()

    def close(self) -> None:
        """What is to be sent still is; then it is over."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """It is over."""
        if self.transport is not None:
            self.transport.abort()

    def _pass(self, data: bytes) -> None:
        assert self._peer is not None
        if not self._may_pass(len(data)):
            self.abort()
            self._peer.abort()
            return
        self.received_bytes += len(data)
        self._peer.write(data)
