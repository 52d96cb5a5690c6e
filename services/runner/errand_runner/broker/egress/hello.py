"""The beginning of a TLS connection: the ClientHello, read strictly for the one name that it asks for."""

from collections.abc import Iterator

MOST_BYTES = 32 * 1024
"""Of a whole greeting with its record headers: those with post-quantum keys have about 2 KiB."""

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4
_MOST_RECORD_BYTES = 1 << 14
_VERSIONS = (0x0301, 0x0302, 0x0303)
_SERVER_NAME, _HOST_NAME = 0, 0


class Malformed(Exception):
    """It is no ClientHello, or none that can be judged; the message says what was found."""


def server_name(data: bytes) -> str | None:
    """The name in the greeting that `data` begins with, lower-case; None while more of it is to come. Raises
    Malformed, also where it asks for no name or for more than one.
    """
    message = _message(data)
    if message is None:
        return None
    return _name(_extensions(message))


def _message(data: bytes) -> bytes | None:
    """The handshake message, put together from its records; nothing may follow it in the last of them."""
    collected = bytearray()
    place = 0
    while True:
        if len(data) > place and data[place] != _HANDSHAKE:
            raise Malformed("what came is not TLS")
        if len(data) < place + _RECORD_HEADER:
            return None
        version = int.from_bytes(data[place + 1 : place + 3])
        size = int.from_bytes(data[place + 3 : place + 5])
        if version not in _VERSIONS or not 0 < size <= _MOST_RECORD_BYTES:
            raise Malformed("what came is not TLS")
        if place + _RECORD_HEADER + size > MOST_BYTES:
            raise Malformed(f"the TLS greeting is longer than {MOST_BYTES >> 10} KiB")
        if len(data) < place + _RECORD_HEADER + size:
            return None
        collected += data[place + _RECORD_HEADER : place + _RECORD_HEADER + size]
        place += _RECORD_HEADER + size
        if collected[0] != _CLIENT_HELLO:
            raise Malformed("TLS does not begin with a greeting")
        if len(collected) >= _MESSAGE_HEADER:
            whole = _MESSAGE_HEADER + int.from_bytes(collected[1:4])
            if len(collected) > whole:
                raise Malformed("something follows the TLS greeting in its record")
            if len(collected) == whole:
                return bytes(collected[_MESSAGE_HEADER:])


def _extensions(message: bytes) -> "_Piece":
    hello = _Piece(message)
    hello.take(2 + 32)  # version, random
    if len(hello.sized(1)) > 32:
        raise Malformed("the TLS greeting's session id is too long")
    ciphers, methods = hello.sized(2), hello.sized(1)
    if not ciphers or len(ciphers) % 2 or not methods:
        raise Malformed("the TLS greeting offers nothing that could be chosen")
    if not hello.left:
        raise Malformed("the TLS greeting names no host (SNI)")
    extensions = _Piece(hello.sized(2))
    hello.end()
    return extensions


def _name(extensions: "_Piece") -> str:
    found = dict[int, bytes]()
    for kind, content in _each(extensions):
        if kind in found:
            raise Malformed("the TLS greeting says something twice")
        found[kind] = content
    if _SERVER_NAME not in found:
        raise Malformed("the TLS greeting names no host (SNI)")
    names = _Piece(found[_SERVER_NAME])
    entries = _Piece(names.sized(2))
    names.end()
    if entries.take(1)[0] != _HOST_NAME:
        raise Malformed("the TLS greeting names something that is no host")
    name = entries.sized(2)
    entries.end()
    try:
        return name.decode("ascii").lower()
    except UnicodeDecodeError as exc:
        raise Malformed("the name in the TLS greeting is not ASCII") from exc


def _each(extensions: "_Piece") -> Iterator[tuple[int, bytes]]:
    while extensions.left:
        yield int.from_bytes(extensions.take(2)), extensions.sized(2)


class _Piece:
    """Bytes that are read from the front; too few of them are Malformed."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self._place

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise Malformed("the TLS greeting is cut off in itself")
        self._place += size
        return self._data[self._place - size : self._place]

    def sized(self, width: int) -> bytes:
        """What follows its own length, a number of `width` bytes."""
        return self.take(int.from_bytes(self.take(width)))

    def end(self) -> None:
        if self.left:
            raise Malformed("the TLS greeting holds more than it says")
