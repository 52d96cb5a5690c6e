"""Addresses: read, checked, and turned into ones that can be dialled."""

from urllib.parse import urlsplit


def split(address: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`. Raises ValueError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError("it must be host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def on_this_host(listened: str) -> str:
    """Where a service of this host is dialled that listens at `listened`: every address means loopback.

    Raises ValueError.
    """
    host, port = split(listened)
    match host:
        case "0.0.0.0":  # noqa: S104  recognised, not bound
            return f"127.0.0.1:{port}"
        case "::":
            return f"[::1]:{port}"
    return listened


def web(address: str) -> str:
    """`http://` or `https://`, a host and perhaps a port, without a final slash. Raises ValueError."""
    parts = urlsplit(address.rstrip("/"))
    # Reading the port checks it.
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("it must be http:// or https://, a host and perhaps a port")
    if parts.username or parts.path or parts.query or parts.fragment:
        raise ValueError("it must hold nothing after the host and the port")
    return address.rstrip("/")
