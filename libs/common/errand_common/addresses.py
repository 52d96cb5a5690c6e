"""Addresses: read, checked, and turned into ones that can be dialled."""

from urllib.parse import urlsplit


def split(address: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`. Raises ValueError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError("it must be host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def dialled(address: str) -> str:
    """`host:port` that can be dialled. Raises ValueError."""
    if split(address)[1] == 0 or "/" in address:
        raise ValueError("it must be host:port")
    return address


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


_DEFAULT_PORTS = {"http": 80, "https": 443}


def web(address: str) -> str:
    """`http://` or `https://`, a host and perhaps a port, as browsers write an origin. Raises ValueError."""
    parts = urlsplit(address.rstrip("/"))
    # Reading the port checks it.
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("it must be http:// or https://, a host and perhaps a port")
    if parts.username or parts.path or parts.query or parts.fragment:
        raise ValueError("it must hold nothing after the host and the port")
    if not parts.netloc.isascii():
        raise ValueError("the host's name must be written in ASCII (xn--...)")
    netloc = parts.netloc.lower()
    if parts.port == _DEFAULT_PORTS[parts.scheme]:
        netloc = netloc.rpartition(":")[0]
    return f"{parts.scheme}://{netloc}"
