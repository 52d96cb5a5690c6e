"""What every edge checks of a request before touching anything."""

import base64
import binascii
import itertools
import re
from collections.abc import Sequence
from typing import TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from errand.v1 import task_pb2
from errand_common.errors import Invalid
from errand_common.ids import is_id
from errand_common.values import InputKind
from errand_common.wire import word
from errand_scheduler.store.paging import TOP, Place

MessageT = TypeVar("MessageT", bound=Message)

TEXT_BYTES = 64 * 1024
"""The longest prompt, input or setup script."""
_REQUEST_ID_LETTERS = 128
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_PAGE_BYTES = 1024 * 1024
_LAST_S = 253_402_300_799  # the end of the year 9999, as google.protobuf.Timestamp has it
_IN_HEADERS = re.compile(r"[\x21-\x7e]*")


def check_id(value: str, prefix: str, *, field: str) -> str:
    """The id as given. Raises Invalid."""
    if not is_id(value, prefix):
        raise Invalid(f'{field} "{value[:64]}" is not an id; one looks like {prefix}_01j9z3k4m5n6p7q8r9s0t1v2w3')
    return value


def check_text(value: str, *, field: str) -> str:
    """The text as given. Raises Invalid for a blank or too long one."""
    if not value.strip():
        raise Invalid(f"{field} is blank; write what to do")
    size = len(value.encode())
    if size > TEXT_BYTES:
        raise Invalid(f"{field} has {size} bytes; the most is {TEXT_BYTES}")
    return value


def check_time(value: Timestamp, *, field: str) -> int:
    """A timestamp in microseconds since 1970. Raises Invalid for one that no calendar of ours has."""
    if not (0 <= value.seconds <= _LAST_S and 0 <= value.nanos < 10**9):
        raise Invalid(f"{field} is no time from 1970 to 9999; send seconds and nanos as google.protobuf.Timestamp says")
    return value.seconds * 10**6 + value.nanos // 1000


def check_header(value: str, *, field: str) -> str:
    """A secret that travels in a header. Raises Invalid for what does not fit into one."""
    if not _IN_HEADERS.fullmatch(value):
        raise Invalid(f"{field} holds what no token does: spaces or characters beyond ASCII; pass it as it was given")
    return value


def check_input_kind(value: "task_pb2.InputKind.ValueType") -> InputKind:
    """The kind that was meant. Raises Invalid for a number that the contract does not hold."""
    if value == task_pb2.INPUT_KIND_UNSPECIFIED:
        return InputKind.QUEUE
    kind = word(task_pb2.InputKind, value)
    if not kind:
        raise Invalid(f"kind {value} is unknown; use {' or '.join(InputKind)}")
    return InputKind(kind)


def check_repository(value: str) -> str:
    """The name of a repository as given. Raises Invalid."""
    if not _REPOSITORY.fullmatch(value):
        raise Invalid(f'repository "{value[:160]}" is not a name such as octocat/hello-world')
    return value


def check_request_id(value: str) -> str:
    """The request id as given, empty for none. Raises Invalid."""
    if len(value) > _REQUEST_ID_LETTERS:
        raise Invalid(f"request_id has {len(value)} characters; the most is {_REQUEST_ID_LETTERS}")
    return value


def page_size(asked: int, *, default: int, most: int) -> int:
    """How many to list. Raises Invalid."""
    if not 0 <= asked <= most:
        raise Invalid(f"page_size is {asked}; it must be 1 to {most}, or 0 for {default}")
    return asked or default


def place_of(token: str) -> Place:
    """Where a page of a newest-first list begins. Raises Invalid."""
    if not token:
        return TOP
    time_us, _, key = _decode(token).partition(".")
    if not time_us.isdecimal() or len(time_us) > 18 or not key:
        raise _bad_token(token)
    return Place(time_us=int(time_us), key=key)


def token_of(place: Place) -> str:
    """The token that `place_of` reads."""
    return _encode(f"{place.time_us}.{place.key}")


def number_of(token: str) -> int:
    """After which number a page of an oldest-first list begins. Raises Invalid."""
    if not token:
        return 0
    number = _decode(token)
    if not number.isdecimal() or len(number) > 18:
        raise _bad_token(token)
    return int(number)


def token_of_number(number: int) -> str:
    """The token that `number_of` reads."""
    return _encode(str(number))


def counted_page_of(token: str, *, size: int) -> tuple[int, int]:
    """Which page of a list that counts its pages from 1, and of how many entries: the first page settles that.

    Raises Invalid.
    """
    if not token:
        return 1, size
    page, _, settled = _decode(token).partition(".")
    if not all(part.isdecimal() and 1 <= len(part) <= 6 and int(part) for part in (page, settled)):
        raise _bad_token(token)
    return int(page), min(int(settled), 100)


def token_of_counted_page(page: int, size: int) -> str:
    """The token that `counted_page_of` reads."""
    return _encode(f"{page}.{size}")


def fitting(page: Sequence[MessageT]) -> list[MessageT]:
    """As many as one message carries, the first one always: prompts and scripts may be long."""
    totals = itertools.accumulate(each.ByteSize() for each in page)
    return [
        each for place, (each, total) in enumerate(zip(page, totals, strict=True)) if total <= _PAGE_BYTES or not place
    ]


def fingerprint(request: Message) -> bytes:
    """The request's bytes, the same for the same request."""
    return request.SerializeToString(deterministic=True)


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decode(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as exc:
        raise _bad_token(token) from exc


def _bad_token(token: str) -> Invalid:
    return Invalid(f'page_token "{token[:64]}" is not one of this list; take it from the page before')
