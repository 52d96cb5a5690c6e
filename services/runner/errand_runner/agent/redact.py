"""Keeps known secrets out of text, by their exact value, where the text enters."""

from collections.abc import Iterable

from errand_common.values import SHORTEST_SECRET
from errand_runner.agent.needle import Needle, Search, overlap

MASK = "[redacted]"


class Redactor:
    """Knows the secrets lent to one attempt. Its repr shows none of them."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.needles: list[Needle] = []
        for value in values:
            self.add(value)

    def __repr__(self) -> str:
        return f"Redactor({len(self.needles)} values)"

    def add(self, value: str) -> None:
        """Learns one more secret, such as a token that was minted later, without the white space at its ends, which
        shells drop; values under 8 characters are not kept."""
        value = value.strip()
        if len(value) >= SHORTEST_SECRET and all(value != known.value for known in self.needles):
            self.needles.append(Needle(value))

    @property
    def longest(self) -> int:
        """How long the longest secret is, 0 without any."""
        return max((len(needle.value) for needle in self.needles), default=0)

    def text(self, text: str) -> str:
        """Gives the text with every secret masked; those that overlap are under one mask."""
        if not any(needle.value in text for needle in self.needles):
            return text
        stream = StreamRedactor(self)
        return stream.feed(text) + stream.close()

    def ending_in(self, text: str) -> int:
        """Counts the characters at the beginning of `text` that may be the end of a secret."""
        return max((overlap(needle.value, text) for needle in self.needles), default=0)


class StreamRedactor:
    """Masks secrets in text that comes in pieces, as `Redactor.text` does in the whole."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._searches: list[Search] = []
        self._held = ""
        # So much of what is held is under a mask that was given already.
        self._masked = 0
        self._found: list[tuple[int, int]] = []

    def feed(self, text: str) -> str:
        """Takes a piece; gives what is certain to hold no part of a secret."""
        self._searches += [Search(needle) for needle in self._redactor.needles[len(self._searches) :]]
        before = len(self._held)
        self._held += text
        for search in self._searches:
            self._found += [(before + end - search.size, before + end) for end in search.feed(text)]
        return self._give(len(self._held) - max((search.begun for search in self._searches), default=0))

    def close(self) -> str:
        """Gives the rest. What is fed then is another text."""
        rest = self._give(len(self._held))
        self._searches, self._masked = [], 0
        return rest

    def _give(self, end: int) -> str:
        """What is held up to there; a secret that begins before is masked whole."""
        given: list[str] = []
        at, later = self._masked, []
        for start, over in sorted(self._found):
            if start < at:
                at = max(at, over)
            elif start < end:
                given += [self._held[at:start], MASK]
                at = over
            else:
                later.append((start - end, over - end))
        given.append(self._held[at:end])
        self._held, self._masked, self._found = self._held[end:], max(0, at - end), later
        return "".join(given)
