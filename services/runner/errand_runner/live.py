"""What a command prints, for whoever watches: whole lines; of one that is overwritten again and again, now and then."""

import codecs
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager

from errand_runner.agent.redact import Redactor, StreamRedactor
from errand_runner.agent.tools.stream import clean
from errand_runner.sandbox.supervisor import Chunk, Exit, Finished

Say = Callable[[str], None]

_BETWEEN_S = 1.0
_LONGEST_LINE = 2_000
_MOST_CHARACTERS = 256_000


class LiveLines:
    """Takes bytes, says lines. What floods is said no more; nobody needs all of it."""

    def __init__(self, say: Say, *, now_s: Callable[[], float]) -> None:
        self._say, self._now_s = say, now_s
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""
        self._left = _MOST_CHARACTERS
        self._overwritten_s: float | None = None

    def feed(self, data: bytes) -> None:
        """Some more."""
        text = self._line + self._decoder.decode(data).replace("\r\n", "\n")
        while (end := min((at for at in (text.find("\n"), text.find("\r")) if at >= 0), default=-1)) >= 0:
            self._end(text[:end], overwritten=text[end] == "\r")
            text = text[end + 1 :]
        self._line = text[:_LONGEST_LINE]

    def close(self) -> None:
        """The last line may have no end."""
        self._end(self._line, overwritten=False)
        self._line = ""

    def _end(self, line: str, *, overwritten: bool) -> None:
        line = clean(line[:_LONGEST_LINE]).strip()
        now_s = self._now_s()
        if overwritten and self._overwritten_s is not None and now_s - self._overwritten_s < _BETWEEN_S:
            return
        if overwritten:
            self._overwritten_s = now_s
        if line and len(line) < self._left:
            self._left -= len(line) + 1
            self._say(f"{line}\n")


@contextmanager
def redacted(say: Say, redactor: Redactor) -> Iterator[Say]:
    """The same without the secrets that are known, also where one goes over the ends of lines."""
    stream = StreamRedactor(redactor)

    def heard(text: str) -> None:
        if text:
            say(text)

    yield lambda text: heard(stream.feed(text))
    heard(stream.close())


async def followed(
    items: AsyncGenerator[Chunk | Exit, None], live: LiveLines, *, limit_bytes: int = 1 << 20
) -> Finished:
    """A command to its end: its errors' stream said live, the last `limit_bytes` of both kept."""
    kept = {1: bytearray(), 2: bytearray()}
    truncated = False
    async with aclosing(items):
        async for item in items:
            if isinstance(item, Exit):
                live.close()
                return Finished(item, bytes(kept[1]), bytes(kept[2]), truncated)
            if item.fd == 2:
                live.feed(item.data)
            kept[item.fd] += item.data
            if (excess := len(kept[item.fd]) - limit_bytes) > 0:
                truncated = True
                del kept[item.fd][:excess]
    raise AssertionError("run yields an Exit last")
