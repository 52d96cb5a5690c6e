"""Keeps known secrets out of text, by their exact value, where the text enters."""

from collections.abc import Iterable

MASK = "[redacted]"
# Shorter values occur in ordinary text; a mask over them would garble it and protect nothing.
_SHORTEST = 8


class Redactor:
    """Knows the secrets lent to one attempt. Its repr shows none of them."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: list[str] = []
        for value in values:
            self.add(value)

    def __repr__(self) -> str:
        return f"Redactor({len(self._values)} values)"

    def add(self, value: str) -> None:
        """Learns one more secret, such as a token that was minted later; values under 8 characters are not kept."""
        if len(value) >= _SHORTEST and value not in self._values:
            # Longest first: of two secrets, one may begin with the other.
            self._values = sorted([*self._values, value], key=len, reverse=True)

    @property
    def longest(self) -> int:
        """How long the longest secret is, 0 without any."""
        return max((len(value) for value in self._values), default=0)

    def text(self, text: str) -> str:
        """Gives the text with every secret masked."""
        for value in self._values:
            text = text.replace(value, MASK)
        return text

    def data(self, data: bytes) -> bytes:
        """Gives the bytes with every secret masked."""
        for value in self._values:
            data = data.replace(value.encode(), MASK.encode())
        return data

    def held_back(self, text: str) -> int:
        """Counts the characters at the end of `text` that may be the beginning of a secret."""
        return max((_overlap(text, value) for value in self._values), default=0)


class StreamRedactor:
    """Masks secrets in text that comes in pieces, also where a secret lies across two of them."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""

    def feed(self, text: str) -> str:
        """Takes a piece; gives what is certain to hold no part of a secret."""
        text = self._redactor.text(self._held + text)
        cut = len(text) - self._redactor.held_back(text)
        self._held = text[cut:]
        return text[:cut]

    def close(self) -> str:
        """Gives the rest."""
        rest, self._held = self._held, ""
        return rest


def _overlap(text: str, value: str) -> int:
    for length in range(min(len(text), len(value) - 1), 0, -1):
        if text.endswith(value[:length]):
            return length
    return 0
