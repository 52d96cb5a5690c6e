"""ClientHellos: of a real TLS library, and made by hand so that each part can be wrong."""

import ssl
from contextlib import suppress


def real(host: str | None, *, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> bytes:
    """What Python's own library would send."""
    context = ssl.create_default_context()
    context.check_hostname = host is not None
    context.minimum_version = minimum
    came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(came, goes, server_hostname=host)
    with suppress(ssl.SSLWantReadError):
        connection.do_handshake()
    return goes.read()


def sized(data: bytes, width: int) -> bytes:
    """Data behind its own length."""
    return len(data).to_bytes(width) + data


def names(*entries: tuple[int, bytes]) -> bytes:
    """The content of a server_name extension."""
    return sized(b"".join(bytes([kind]) + sized(name, 2) for kind, name in entries), 2)


def extension(kind: int, content: bytes) -> bytes:
    """One extension."""
    return kind.to_bytes(2) + sized(content, 2)


def sni(name: bytes) -> bytes:
    """The extension that names a host."""
    return extension(0, names((0, name)))


def message(
    *extensions: bytes, session: bytes = b"", ciphers: bytes = b"\x13\x01", methods: bytes = b"\0", after: bytes = b""
) -> bytes:
    """The handshake message; `after` follows its extensions."""
    body = b"\x03\x03" + bytes(32) + sized(session, 1) + sized(ciphers, 2) + sized(methods, 1)
    return b"\x01" + sized(body + sized(b"".join(extensions), 2) + after, 3)


def records(data: bytes, *, size: int = 1 << 14, kind: int = 22, version: int = 0x0301) -> bytes:
    """A handshake message in records of at most that size."""
    pieces = [data[place : place + size] for place in range(0, len(data), size)]
    return b"".join(bytes([kind]) + version.to_bytes(2) + sized(piece, 2) for piece in pieces)
