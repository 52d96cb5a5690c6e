"""Ids: a prefix and a lower-case ULID, legal as a Docker name, a label and in a branch."""

import os
import re
from collections.abc import Callable

from errand_common.clock import Clock

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"  # https://github.com/ulid/spec, lower case
_PAIRS = [first + second for first in _CROCKFORD for second in _CROCKFORD]
_SHAPE = re.compile(r"^[a-z]{3}_[0-7][0-9a-hjkmnp-tv-z]{25}$")
_DRAWN = 64


class Ids:
    """Makes ids that sort by time of making. Not secret: tokens come from `credentials`."""

    def __init__(self, clock: Clock, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._drawn: list[bytes] = []

    def new(self, prefix: str) -> str:
        """A new id such as `tsk_01h…`; `prefix` is three lower-case letters."""
        milliseconds = self._clock.now_us() // 1000
        value = milliseconds << 80 | int.from_bytes(self._chance())
        return f"{prefix}_{''.join([_PAIRS[value >> shift & 1023] for shift in range(120, -10, -10)])}"

    def _chance(self) -> bytes:
        """Ten random bytes. Many are drawn at once: asking the system for each has other threads take the interpreter.

        Whichever thread pops one has it alone.
        """
        while True:
            try:
                return self._drawn.pop()
            except IndexError:
                drawn = self._random_bytes(10 * _DRAWN)
                self._drawn += [drawn[start : start + 10] for start in range(0, len(drawn), 10)]


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` has the shape of an id with this prefix."""
    return text.startswith(f"{prefix}_") and _SHAPE.match(text) is not None
