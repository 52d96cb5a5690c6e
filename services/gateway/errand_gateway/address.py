"""Where the gateway is: the socket it listens on, and the address it is known by."""

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from errand_common.addresses import on_this_host, split, web
from errand_common.listening import cannot_listen
from errand_common.service import StartError


@dataclass(frozen=True)
class PublicAddress:
    """How browsers reach the gateway, without a final slash."""

    url: str

    @property
    def origin(self) -> str:
        """What a browser sends as `Origin` from our own pages."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}".lower()

    @property
    def secure(self) -> bool:
        """Whether browsers reach it over TLS."""
        return self.url.startswith("https://")


def public_address(url: str | None, bound: str) -> PublicAddress:
    """The address that was set, else one at which this machine reaches what was bound."""
    return PublicAddress(web(url or f"http://{on_this_host(bound)}"))


def listen(address: str) -> socket.socket:
    """A listening socket at `host:port`. Raises StartError."""
    host, port = split(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as exc:
        raise StartError(cannot_listen(address, exc)) from exc
    # For every connection, as asyncio does not for those of a socket that it is given: an answer's body goes after its
    # head, and would wait for the head's acknowledgement, which the other side holds back for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def bound_address(listener: socket.socket) -> str:
    """The `host:port` that a socket got."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def write_address(path: Path, address: str) -> None:
    """Write the bound address, whole or not at all. Raises StartError."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(f"{address}\n")
        os.replace(part, path)
    except OSError as exc:
        with suppress(OSError):
            part.unlink()
        raise StartError(f"cannot write ERRAND_ADDRESS_FILE={path}: {exc}; make the folder or unset it") from exc
