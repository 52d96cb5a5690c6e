"""What a turn leaves behind that is closed or cancelled in mid-work: nobody asks it for facts any more."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from errand_runner.agent.blocks import encode
from errand_runner.agent.facts import Fact, ToolFinished
from errand_runner.agent.tools.output import Digest
from errand_runner.agent.transcript import NOT_RUN, ToolCall, ToolResult


class Stopper(StrEnum):
    """Who ends a turn that does not go on by itself."""

    PERSON = "person"
    TIME = "time"
    DRAIN = "drain"


def _goes_on() -> Stopper | None:
    """It is interrupted, no more: another process of the runner goes on with it."""
    return None


def _unheard(fact: Fact) -> None:
    """Nobody keeps it."""


@dataclass(frozen=True)
class Leaving:
    """`stopper` says who ends the turn, None where it is interrupted and goes on; `leave` is given what is to be
    recorded all the same."""

    stopper: Callable[[], Stopper | None] = _goes_on
    leave: Callable[[Fact], None] = _unheard


class Running:
    """A call that is on record as started. What it printed until it is stopped is its result."""

    def __init__(self, call: ToolCall) -> None:
        self.call = call
        self._printed = Digest()
        self._began_s: float | None = None

    def begin(self, now_s: float) -> None:
        """From here on it may have changed something."""
        self._began_s = now_s

    def print(self, text: str) -> None:
        """More of what people are shown live."""
        self._printed.feed(text)

    def stopped(self, by: Stopper, now_s: float) -> ToolFinished:
        """How it ended, as it is recorded and as Claude is told of it before all else."""
        if self._began_s is None:
            return self._finished(NOT_RUN, 0.0)
        after_s = now_s - self._began_s
        cause = f"interrupted by the user after {after_s:.1f} s"
        if by is Stopper.TIME:
            cause = f"stopped after {after_s:.1f} s, as the time for this turn was over"
        elif by is Stopper.DRAIN:
            cause = f"stopped after {after_s:.1f} s, as its host is taken out of service"
        if self.call.name == "bash":
            printed = self._printed.text().rstrip() or "(no output)"
            return self._finished(f"{printed}\n[{cause}; it was killed with all that it had started]", after_s)
        return self._finished(f"[{cause}; it may or may not have run: check the state before you go on]", after_s)

    def _finished(self, words: str, duration_s: float) -> ToolFinished:
        result = ToolResult.of_text(self.call.tool_use_id, words, is_error=True)
        return ToolFinished(
            self.call.tool_use_id,
            self.call.name,
            encode(self.call.input),
            result.output,
            result.is_error,
            duration_s,
            dropped_bytes=self._printed.dropped_bytes,
        )
