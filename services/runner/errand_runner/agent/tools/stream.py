"""Bytes of a command to clean text: without escapes, control characters and secrets, wherever pieces are cut."""

import codecs
import re

from errand_runner.agent.redact import Redactor, StreamRedactor

_ESCAPES = re.compile(
    r"\x1b(?:(?=\x1b)|\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\"
    r"|[ -/]+[0-~]|[0-OQ-WYZ\\`-~])"
)
_OPEN_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[PX^_][^\x1b]*\x1b?|[ -/]*)\Z")
_LONGEST_ESCAPE = 4_096
_CONTROLS = {code: None for code in range(0x20) if chr(code) not in "\t\n\r"} | {0x7F: None}


def clean(text: str) -> str:
    """Drops terminal escapes and control characters; line breaks become newlines."""
    return _ESCAPES.sub("", text).translate(_CONTROLS).replace("\r\n", "\n").replace("\r", "\n")


class TextStream:
    """One stream's bytes to clean text, across cuts in characters, escapes and secrets."""

    def __init__(self, redactor: Redactor) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._known = redactor
        self._redactor = StreamRedactor(redactor)
        self._held = ""
        # What followed a gap, until it is long enough to tell whether it begins with the end of a secret.
        self._edge: str | None = None
        self._unsafe = ""

    def feed(self, data: bytes) -> str:
        text = self._held + self._decoder.decode(data)
        text, self._held = _cut_at_open_escape(_ESCAPES.sub("", text))
        return self._after_gap(self._redactor.feed(text.translate(_CONTROLS)))

    def take_unsafe(self) -> str:
        """What was not given since it may be the end of a secret that a gap cut."""
        unsafe, self._unsafe = self._unsafe, ""
        return unsafe

    def cut(self) -> str:
        """Ends what came before a gap; gives what of it may be a part of a secret and is not to be shown."""
        self._decoder.reset()
        held, self._held = self._held, ""
        edge, self._edge = self._edge or "", ""
        return edge + held + self._redactor.close()

    def close(self) -> str:
        rest = (self._held + self._decoder.decode(b"", final=True)).translate(_CONTROLS)
        return self._after_gap(self._redactor.feed(rest) + self._redactor.close(), last=True)

    def _after_gap(self, text: str, *, last: bool = False) -> str:
        if self._edge is None:
            return text
        text = self._edge + text
        if len(text) < self._known.longest and not last:
            self._edge = text
            return ""
        unsafe, self._edge = self._known.ending_in(text), None
        self._unsafe += text[:unsafe]
        return text[unsafe:]


def _cut_at_open_escape(text: str) -> tuple[str, str]:
    """Splits off an escape whose end has not come yet; one that never ends is let through."""
    found = _OPEN_ESCAPE.search(text)
    if found is None or len(text) - found.start() > _LONGEST_ESCAPE:
        return text, ""
    return text[: found.start()], found.group()
