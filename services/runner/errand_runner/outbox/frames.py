"""Frames: bytes that show where a crash or a bad disk broke them."""

import struct
import zlib

_HEADER = struct.Struct(">II")  # length and CRC-32 of the bytes that follow


def frame(data: bytes) -> bytes:
    """Bytes as they stand in a file."""
    return _HEADER.pack(len(data), zlib.crc32(data)) + data


def frames(data: bytes) -> tuple[list[bytes], bytes]:
    """What is whole at the beginning of a file, up to the first frame that is not, and what follows."""
    whole: list[bytes] = []
    position = 0
    while position + _HEADER.size <= len(data):
        length, checksum = _HEADER.unpack_from(data, position)
        begin, end = position + _HEADER.size, position + _HEADER.size + length
        if not length or end > len(data) or zlib.crc32(data[begin:end]) != checksum:
            break
        whole.append(data[begin:end])
        position = end
    return whole, data[position:]


def is_torn(rest: bytes, *, longest_bytes: int) -> bool:
    """Whether what follows the whole frames is one that a crash cut off in mid-write. Else the file was damaged."""
    if len(rest) < _HEADER.size or not any(rest):
        return True  # no more than a beginning, or what a file has where a loss of power kept its bytes from coming
    length, _ = _HEADER.unpack_from(rest)
    return bool(length <= longest_bytes and _HEADER.size + length >= len(rest))
