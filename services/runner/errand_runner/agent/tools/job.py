"""One command in the background, and how far its output was read."""

from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools.outcome import Refused
from errand_runner.agent.tools.output import Digest
from errand_runner.agent.tools.stream import TextStream
from errand_runner.sandbox.answers import JobState
from errand_runner.sandbox.background import Background, Output
from errand_runner.sandbox.supervisor import FileError

# What an ended command left in its pipes is there by then.
_LAST_WORDS_S = 10.0


class Job:
    """`name` is Claude's for it, `number` the supervisor's. `offset` is how far it was read, `over` whether to its
    end."""

    def __init__(self, jobs: Background, *, name: str, number: int, redactor: Redactor) -> None:
        self.name, self.number = name, number
        self.offset, self.over = 0, False
        self._jobs, self._stream = jobs, TextStream(redactor)

    async def read(self, digest: Digest) -> JobState:
        """Takes what is new; of a command that goes on writing it does not wait for the end.

        Raises FileError, and Refused where it is forgotten.
        """
        state = await self._read(digest)
        if not state.running and not self.over:
            await self._jobs.wait(self.number, timeout_s=_LAST_WORDS_S)
            state = await self._read(digest)
            digest.feed(self._stream.close())
            digest.leave_out(self._stream.take_unsafe())
            self.over = True
        return state

    async def runs(self, *, after_s: float, unless_more: bool = False) -> bool:
        """Whether it does still after so long, or once there is something to read, if that is wanted too."""
        try:
            beyond = self.offset if unless_more else None
            return (await self._jobs.wait(self.number, timeout_s=after_s, beyond=beyond)).running
        except FileError:
            # It is forgotten, and so has ended.
            return False

    async def _read(self, digest: Digest) -> JobState:
        until: int | None = None
        while True:
            piece = await self._piece()
            until = piece.state.output.size_bytes if until is None else until
            if piece.offset > self.offset:
                digest.leave_out(self._stream.cut())
                digest.skip(piece.offset - self.offset, 0)
            digest.feed(self._stream.feed(piece.data))
            digest.leave_out(self._stream.take_unsafe())
            self.offset = piece.offset + len(piece.data)
            if not piece.data or self.offset >= until:
                return piece.state

    async def _piece(self) -> Output:
        try:
            return await self._jobs.output(self.number, offset=self.offset)
        except FileError as error:
            if error.name == "ESRCH":
                raise Refused(f"{self.name} ended, and so many others since that no more is known of it.") from error
            raise
