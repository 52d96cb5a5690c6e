"""Makes a command's bytes fit for reading: clean, redacted, live for people, head and tail for Claude."""

from collections import deque

from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools.stream import TextStream
from errand_runner.sandbox.answers import Gap, Kept

HEAD_CHARS = 10_000
TAIL_CHARS = 20_000
LINE_CHARS = 2_000
# A command that floods its output fills neither the outbox nor a phone; the result has its end all the same.
LIVE_CHARS = 256_000
# So much of it is enough for these, whatever its letters and colours take.
LIVE_BYTES = 4 * LIVE_CHARS
LIVE_PIECE_CHARS = 4_000

_CUT = " [... line cut]"


class CommandOutput:
    """Takes the bytes of stdout and stderr as they come."""

    def __init__(self, redactor: Redactor) -> None:
        self._streams = {fd: TextStream(redactor) for fd in (1, 2)}
        self._digest = Digest()
        self._live_left = LIVE_CHARS

    def feed(self, fd: int, data: bytes) -> list[str]:
        """Takes some bytes of a stream; gives the pieces to show now."""
        stream = self._streams[fd]
        text = stream.feed(data)
        self._digest.leave_out(stream.take_unsafe())
        return self._take(text)

    def skip(self, gap: Gap) -> None:
        """Takes note of output that does not come; what stands at its edges may be parts of secrets, and goes too."""
        edges = "".join(stream.cut() for stream in self._streams.values())
        self._digest.skip(gap.bytes, gap.lines)
        self._digest.leave_out(edges)

    def close(self) -> list[str]:
        """Ends both streams; gives the last pieces to show."""
        pieces = self._take("".join(stream.close() for stream in self._streams.values()))
        self._digest.leave_out("".join(stream.take_unsafe() for stream in self._streams.values()))
        return pieces

    def result(self, kept: Kept | None = None) -> str:
        """Gives what Claude reads; call it after `close`. `kept` says where all of it lies."""
        return self._digest.text(kept)

    @property
    def dropped_bytes(self) -> int:
        """How much of what a terminal would show is missing in `result`, as UTF-8."""
        return self._digest.dropped_bytes

    def _take(self, text: str) -> list[str]:
        self._digest.feed(text)
        live = text[: self._live_left].replace("\r\n", "\n").replace("\r", "\n")
        self._live_left -= len(live)
        return [live[at : at + LIVE_PIECE_CHARS] for at in range(0, len(live), LIVE_PIECE_CHARS)]


class Digest:
    """Keeps the head and the tail of a text of any length, and of each line what a terminal would still show."""

    def __init__(self) -> None:
        self._head: list[str] = []
        self._head_left = HEAD_CHARS
        self._tail: deque[str] = deque()
        self._tail_chars = 0
        self._line = ""
        self._line_cut_bytes = 0
        self._left_out_chars = 0
        self._left_out_lines = 0
        self._dropped_bytes = 0

    @property
    def dropped_bytes(self) -> int:
        """How much `text` leaves out of what a terminal would show, as UTF-8."""
        return self._dropped_bytes + self._line_cut_bytes + _cut_bytes(self._line)

    def feed(self, text: str) -> None:
        """Takes more of the text."""
        *lines, rest = text.split("\n")
        for line in lines:
            self._extend(line)
            self._end_line()
        self._extend(rest)

    def skip(self, size: int, lines: int) -> None:
        """Takes note of text that is not there: so many bytes, and line ends among them. What stood before it stays in
        the head or nowhere."""
        if self._line:
            self._end_line()
        self._head_left = 0
        while self._tail:
            self._drop_line()
        self._left_out_chars += size
        self._left_out_lines += max(1, lines)
        self._dropped_bytes += size

    def leave_out(self, text: str) -> None:
        """Takes note of text beside a gap that is not to be shown."""
        self._left_out_chars += len(text)
        self._left_out_lines += text.count("\n")
        self._dropped_bytes += len(text.encode())

    def text(self, kept: Kept | None = None) -> str:
        """Gives head and tail, with a word on what lies between them, and on where the whole lies."""
        tail = "\n".join([*self._tail, *([_shown(self._line)] if self._line else [])])
        where = _where(kept) if self._left_out_lines or self.dropped_bytes else ""
        if not self._left_out_lines:
            return "\n".join([*self._head, *([tail] if tail else []), *([f"[{where}]"] if where else [])])
        gap = f"[... {self._left_out_lines:,} lines, {self._left_out_chars:,} characters left out here. "
        gap += where or "To see them, send the output to a file and read the part you need."
        return "\n".join([*self._head, f"{gap} ...]", tail])

    def _extend(self, text: str) -> None:
        # A progress bar overwrites its line by carriage returns: only what follows the last one with text counts.
        # The bound keeps a line that never ends from filling the memory; the `+ 1` shows that it was cut.
        line = self._line + text
        if "\r" in line:
            body = line.rstrip("\r")
            overwritten = body.rfind("\r") + 1
            line = body[overwritten:] + line[len(body) :][:1]
            if overwritten:
                self._line_cut_bytes = 0
        self._line_cut_bytes += len(line[LINE_CHARS + 1 :].encode())
        self._line = line[: LINE_CHARS + 1]

    def _end_line(self) -> None:
        self._dropped_bytes += self._line_cut_bytes + _cut_bytes(self._line)
        line, self._line, self._line_cut_bytes = _shown(self._line), "", 0
        if not self._tail and len(line) < self._head_left:
            self._head.append(line)
            self._head_left -= len(line) + 1
            return
        self._head_left = 0
        self._tail.append(line)
        self._tail_chars += len(line) + 1
        while self._tail_chars > TAIL_CHARS:
            self._drop_line()

    def _drop_line(self) -> None:
        line = self._tail.popleft()
        self._tail_chars -= len(line) + 1
        self._left_out_chars += len(line) + 1
        self._dropped_bytes += len(line.removesuffix(_CUT).encode()) + 1
        self._left_out_lines += 1


def _where(kept: Kept | None) -> str:
    if kept is None:
        return ""
    if kept.path and kept.kept_bytes == kept.size_bytes:
        return f"The whole output is in {kept.path}: look into it with grep, sed or tail."
    rest = f"; the rest could not be kept: {kept.trouble}" if kept.trouble else ""
    if kept.path:
        return f"The first {kept.kept_bytes:,} of its {kept.size_bytes:,} bytes are in {kept.path}{rest}."
    return f"The output could not be kept: {kept.trouble}." if kept.trouble else ""


def _shown(line: str) -> str:
    line = line.rstrip("\r")
    return line if len(line) <= LINE_CHARS else f"{line[:LINE_CHARS]}{_CUT}"


def _cut_bytes(line: str) -> int:
    return len(line.rstrip("\r")[LINE_CHARS:].encode())
