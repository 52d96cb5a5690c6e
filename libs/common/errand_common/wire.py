"""Between protobuf and the plain values of Python, SQL and JSON: one mapping, in one place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, OneofDescriptor
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
    shape = _shape(message.DESCRIPTOR)
    result = {name: turned(getattr(message, name)) for name, turned in shape.always}
    for name, turned in shape.optional:
        if message.HasField(name):
            result[name] = turned(getattr(message, name))
    for choice, turns in shape.choices:
        if (name := message.WhichOneof(choice)) is not None:
            result[name] = turns[name](getattr(message, name))
    return result


def event_json(event: Message) -> dict[str, Json]:
    """An Event as JSON, its body as `kind` and `detail`, so that a client can ignore a kind that it does not know."""
    result = to_json(event)
    body = result.pop("body", {})
    assert isinstance(body, Mapping)
    kind, detail = next(iter(body.items()), ("unknown", {}))
    return {**result, "kind": kind, "detail": detail}


@dataclass(frozen=True)
class _Shape:
    """How each field of a kind of message becomes JSON: those that always have a value, those that may be unset, and
    those of which one at most is set."""

    always: Sequence[tuple[str, "_Turn"]]
    optional: Sequence[tuple[str, "_Turn"]]
    choices: Sequence[tuple[str, Mapping[str, "_Turn"]]]


_Turn = Callable[[Any], Json]


# Asked for every event, of descriptors that never change and are slow to walk.


@cache
def _shape(descriptor: Descriptor) -> _Shape:
    choices = [oneof for oneof in descriptor.oneofs if not _is_synthetic(oneof)]
    chosen = {field.name for oneof in choices for field in oneof.fields}
    alone = [field for field in descriptor.fields if field.name not in chosen]
    return _Shape(
        always=[(field.name, _turn(field)) for field in alone if not field.has_presence],
        optional=[(field.name, _turn(field)) for field in alone if field.has_presence],
        choices=[(oneof.name, {field.name: _turn(field) for field in oneof.fields}) for oneof in choices],
    )


def _is_synthetic(oneof: OneofDescriptor) -> bool:
    """Stands for an `optional` field, as protoc names it."""
    return len(oneof.fields) == 1 and oneof.name == f"_{oneof.fields[0].name}"


def _turn(field: FieldDescriptor) -> _Turn:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        one = _turn_one(message.fields_by_name["value"])
        return lambda values: {str(key): one(value) for key, value in values.items()}
    one = _turn_one(field)
    return (lambda values: [one(value) for value in values]) if field.is_repeated else one


def _turn_one(field: FieldDescriptor) -> _Turn:
    match field.message_type, field.enum_type:
        case None, None:
            return _text if field.type == FieldDescriptor.TYPE_BYTES else _same
        case None, enum:
            return partial(_word, enum)
        case message, _:
            return _MESSAGES.get(message.full_name, to_json)


def _same(value: Any) -> Json:
    return cast(Json, value)


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _instant(value: Timestamp) -> str:
    return to_datetime(value.seconds * 1_000_000 + value.nanos // 1000).isoformat().replace("+00:00", "Z")


_MESSAGES: Mapping[str, _Turn] = {Timestamp.DESCRIPTOR.full_name: _instant, Duration.DESCRIPTOR.full_name: seconds}


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
