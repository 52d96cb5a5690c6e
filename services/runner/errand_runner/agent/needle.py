"""Finds one value in a text that comes in pieces, in time that grows with the text alone."""

from collections.abc import Sequence

# What is looked for at the speed of `str.find` where no part of the value stands.
_START_CHARACTERS = 4


class Needle:
    """A value, of more than a few characters, read once."""

    def __init__(self, value: str) -> None:
        self.value = value
        self.falls = falls_of(value)


class Search:
    """One text's. `begun` counts the characters at its end that the value begins with."""

    def __init__(self, needle: Needle) -> None:
        self._value, self._falls = needle.value, needle.falls
        self._start = needle.value[:_START_CHARACTERS]
        self.begun = 0

    @property
    def size(self) -> int:
        """How long the value is."""
        return len(self._value)

    def feed(self, piece: str) -> list[int]:
        """Some more of the text; gives where in the piece the value ends, also where it began before, or overlaps
        itself."""
        ends: list[int] = []
        value, falls, begun, at = self._value, self._falls, self.begun, 0
        while at < len(piece):
            if not begun:
                found = piece.find(self._start, at)
                if found >= 0:
                    at, begun = found + _START_CHARACTERS, _START_CHARACTERS
                    continue
                at = max(at, len(piece) - _START_CHARACTERS + 1)
            begun = _step(value, falls, begun, piece[at])
            at += 1
            if begun == len(value):
                ends.append(at)
                begun = falls[-1]
        self.begun = begun
        return ends


def overlap(text: str, following: str) -> int:
    """How many characters `following` begins with that `text` ends with; not all of either."""
    pattern = following[: len(text) - 1]
    if not pattern:
        return 0
    falls, begun = falls_of(pattern), 0
    for char in text[-len(pattern) :]:
        # All of it may stand before the end: then a shorter beginning may still go on.
        begun = _step(pattern, falls, begun if begun < len(pattern) else falls[-1], char)
    return begun


def falls_of(value: str) -> Sequence[int]:
    """For each beginning of the value: how long a shorter one is that stands at its end (Knuth, Morris, Pratt)."""
    falls, begun = [0], 0
    for char in value[1:]:
        begun = _step(value, falls, begun, char)
        falls.append(begun)
    return falls


def _step(value: str, falls: Sequence[int], begun: int, char: str) -> int:
    while begun and value[begun] != char:
        begun = falls[begun - 1]
    return begun + 1 if value[begun] == char else 0
