"""Between protobuf and the plain values of Python, SQL and JSON: one mapping, in one place."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, TypeVar, cast

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from errand_common.clock import to_datetime

if TYPE_CHECKING:
    # Only the type stubs know the wrapper of an enum with the type of its numbers.
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper

Number = TypeVar("Number", bound=int)
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def timestamp(time_us: int | None) -> Timestamp | None:
    """A Timestamp of UTC microseconds; none of none."""
    if time_us is None:
        return None
    return Timestamp(seconds=time_us // 1_000_000, nanos=time_us % 1_000_000 * 1000)


def duration(seconds: float | None) -> Duration | None:
    """A Duration of seconds; none of none."""
    if seconds is None:
        return None
    result = Duration()
    result.FromTimedelta(timedelta(seconds=seconds))
    return result


def seconds(value: Duration) -> float:
    """The seconds of a Duration."""
    return value.seconds + value.nanos / 1e9


def word(enum: "_EnumTypeWrapper[Number]", number: int) -> str:
    """The word of an enum's number: ATTEMPT_PHASE_TIMED_OUT is `timed_out`; an unknown or unspecified one is empty."""
    return _word(enum.DESCRIPTOR, number)


def number(enum: "_EnumTypeWrapper[Number]", value: str | None) -> Number:
    """The number of an enum's word; none is 0. Raises KeyError for a word that the enum does not hold."""
    return cast(Number, _number(enum.DESCRIPTOR, value))


def to_json(message: Message) -> dict[str, Json]:
    """A message as JSON for people's clients: field names as in the contract, enums as words, instants as RFC 3339,
    durations in seconds, bytes as the text that they hold, maps as objects; unset fields with presence are left out."""
    result: dict[str, Json] = {}
    for field in message.DESCRIPTOR.fields:
        if field.has_presence and not message.HasField(field.name):
            continue
        value = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            result[field.name] = {str(key): _value(None, item) for key, item in value.items()}
            continue
        enum: EnumDescriptor | None = field.enum_type  # type: ignore[assignment]  # the stubs name a twin class
        result[field.name] = [_value(enum, item) for item in value] if field.is_repeated else _value(enum, value)
    return result


def event_json(event: Message) -> dict[str, Json]:
    """An Event as JSON, its body as `kind` and `detail`, so that a client can ignore a kind that it does not know."""
    result = to_json(event)
    body = result.pop("body", {})
    assert isinstance(body, Mapping)
    kind, detail = next(iter(body.items()), ("unknown", {}))
    return {**result, "kind": kind, "detail": detail}


def _value(enum: EnumDescriptor | None, value: object) -> Json:
    match value:
        case Timestamp():
            return to_datetime(value.seconds * 1_000_000 + value.nanos // 1000).isoformat().replace("+00:00", "Z")
        case Duration():
            return seconds(value)
        case Message():
            return to_json(value)
        case bytes():
            return value.decode(errors="replace")
        case int() if enum is not None:
            return _word(enum, value)
        case bool() | int() | float() | str():
            return value
    raise TypeError(f"a {type(value).__name__} has no JSON form")


# Asked for every event, of enums that never change.


@cache
def _number(enum: EnumDescriptor, value: str | None) -> int:
    known = enum.values_by_number[0] if value is None else enum.values_by_name[f"{_prefix(enum)}{value.upper()}"]
    return known.number


@cache
def _word(enum: EnumDescriptor, number: int) -> str:
    known = enum.values_by_number.get(number)
    return "" if known is None or number == 0 else known.name.removeprefix(_prefix(enum)).lower()


def _prefix(enum: EnumDescriptor) -> str:
    """TaskStatus -> TASK_STATUS_, read off the zero value that every enum of the contract has."""
    return enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
