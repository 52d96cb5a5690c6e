"""Where a sandbox's connections come in: tunnels by CONNECT go one way, git's HTTP the other."""

import asyncio
from collections.abc import Callable

from errand_runner.broker.egress.side import Side

_CONNECT = b"CONNECT "
_FIRST_S = 10.0


class Door(asyncio.Protocol):
    """Reads the first bytes of a connection, then is no more its protocol. One that says nothing is cut off.

    `tunnel` takes over a connection that asks for a tunnel; `http` makes the protocol of any other.
    """

    def __init__(
        self, *, tunnel: Callable[[Side], object], http: Callable[[], asyncio.Protocol], first_s: float = _FIRST_S
    ) -> None:
        self._tunnel, self._http, self._first_s = tunnel, http, first_s
        self._first = b""
        self._transport: asyncio.Transport | None = None
        self._late: asyncio.TimerHandle | None = None

    @property
    def transport(self) -> asyncio.Transport | None:
        """The connection while nobody took it over."""
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._late = asyncio.get_running_loop().call_later(self._first_s, transport.abort)

    def data_received(self, data: bytes) -> None:
        self._first += data
        if self._first.startswith(_CONNECT):
            side = Side()
            self._hand_over(side)
            self._tunnel(side)
        elif not _CONNECT.startswith(self._first):
            self._hand_over(self._http())

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def _hand_over(self, protocol: asyncio.Protocol) -> None:
        transport = self._transport
        assert transport is not None, "data comes over a connection"
        self._leave()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(self._first)

    def _leave(self) -> None:
        self._transport = None
        if self._late is not None:
            self._late.cancel()
