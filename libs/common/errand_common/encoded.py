"""Messages put together from what is encoded already: fields end to end are the message, in whatever order."""

from functools import lru_cache

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_COUNTED = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_MESSAGE)
_MOST_BITS = 0x7F  # of a number in one byte; its first bit says that another follows
_COUNTED_WIRE_TYPE = 2


class Part:
    """One field of text, bytes or a message. Called with its content, encoded, it gives what stands for it on the wire;
    of a repeated field, for one item."""

    def __init__(self, message: type[Message], name: str) -> None:
        field = message.DESCRIPTOR.fields_by_name[name]
        assert field.type in _COUNTED
        self._tag = _varint(field.number << 3 | _COUNTED_WIRE_TYPE)

    def __call__(self, content: bytes) -> bytes:
        return self._tag + _varint(len(content)) + content


@lru_cache(maxsize=4096)
def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > _MOST_BITS:
        digits.append(number & _MOST_BITS | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)
