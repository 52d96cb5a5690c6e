"""Messages as nobody should send them: made from their descriptors, with names that exist among much that does not."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

_DEEPEST = 4
_TEXTS = (
    "",
    " ",
    "a",
    "x" * 70_000,
    "../../etc/passwd",
    "\x00",
    "\u202e",
    "a\nb",
    "-",
    "'; DROP TABLE tasks; --",
    "https://h:pw@x/",
)
_WHOLE = st.sampled_from((0, 1, -1, 2, 100, 101, 2**31 - 1, -(2**31))) | st.integers(-(2**31), 2**31 - 1)
_LONG = st.sampled_from((0, 1, -1, 10**12, 2**63 - 1, -(2**63))) | st.integers(-(2**63), 2**63 - 1)
_NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=32)
_KINDS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_INT32: _WHOLE,
    FieldDescriptor.CPPTYPE_INT64: _LONG,
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_FLOAT: _NUMBERS,
    FieldDescriptor.CPPTYPE_DOUBLE: _NUMBERS,
    # Numbers that the enum does not know too.
    FieldDescriptor.CPPTYPE_ENUM: st.integers(0, 12) | _WHOLE,
}


def messages(descriptor: Descriptor, names: Sequence[str], *, deep: int = 0) -> st.SearchStrategy[Message]:
    """Messages of a kind; `names` are ids and the like that exist."""
    fields = [field for field in descriptor.fields if deep < _DEEPEST or field.message_type is None]
    # A field in three is set, so that what is set meets rules of its own and not always the first one.
    some = st.fixed_dictionaries({}, optional={field.name: _values(field, names, deep) for field in fields})

    def made(values: dict[str, Any]) -> Message:
        message = GetMessageClass(descriptor)()
        for name, value in values.items():
            _set(message, name, value)
        return message

    return some.map(made)


def _values(field: FieldDescriptor, names: Sequence[str], deep: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        entry = field.message_type.fields_by_name
        return st.dictionaries(_one(entry["key"], names, deep), _one(entry["value"], names, deep), max_size=3)
    one = _one(field, names, deep)
    return st.lists(one, max_size=3) if field.is_repeated else one


def _one(field: FieldDescriptor, names: Sequence[str], deep: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return messages(field.message_type, names, deep=deep + 1)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=200) | st.sampled_from((b"[]", b"{}", b"x" * 100_000))
    if field.type == FieldDescriptor.TYPE_STRING:
        return st.sampled_from((*names, *names, *_TEXTS)) | st.text(max_size=40)
    return _KINDS[field.cpp_type]


def _set(message: Message, name: str, value: Any) -> None:
    if isinstance(value, Message):
        getattr(message, name).CopyFrom(value)
    elif isinstance(value, list):
        getattr(message, name).extend(value)
    elif isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, Message):
                getattr(message, name)[key].CopyFrom(each)
            else:
                getattr(message, name)[key] = each
    else:
        setattr(message, name, value)
