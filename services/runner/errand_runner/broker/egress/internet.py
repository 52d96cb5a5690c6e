"""The internet as a runner sees it: names become addresses, addresses are connected to."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

RESOLVE_S, CONNECT_S = 10.0, 10.0
_THREADS = 16


class Internet(Protocol):
    """What lies outside. Tests have a smaller one."""

    async def resolve(self, host: str) -> Sequence[str]:
        """All addresses of a name. Raises OSError where it has none, and TimeoutError."""

    def is_own(self, address: str) -> bool:
        """Whether the address is this host's."""

    async def connect(self, protocol: Callable[[], asyncio.Protocol], address: str, port: int) -> None:
        """Connect a protocol to that very address. Raises OSError and TimeoutError."""


class PublicInternet:
    """The real one, for all attempts of a runner."""

    def __init__(self) -> None:
        # Of its own: names that hang keep nothing waiting but other names.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolve")

    def close(self) -> None:
        """Wait for no name any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def resolve(self, host: str) -> Sequence[str]:
        async with asyncio.timeout(RESOLVE_S):
            return await asyncio.get_running_loop().run_in_executor(self._threads, _addresses, host)

    def is_own(self, address: str) -> bool:
        """A datagram socket is told its way without sending anything; to an address of this host it begins there."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((address, 443))
                return bool(probe.getsockname()[0] == address)
        except OSError:
            return False

    async def connect(self, protocol: Callable[[], asyncio.Protocol], address: str, port: int) -> None:
        async with asyncio.timeout(CONNECT_S):
            await asyncio.get_running_loop().create_connection(protocol, address, port)


def _addresses(host: str) -> Sequence[str]:
    # With its last dot, no domain of the runner's own network is put behind it.
    found = socket.getaddrinfo(f"{host}.", 443, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
