"""What of a tool's output is kept nowhere is counted, and told with the tool's end."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from errand_runner.agent.facts import ToolFinished
from errand_runner.agent.tools.output import LINE_CHARS, Digest
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Reply, Text, ToolUse, in_turn
from tests.unit.runner.agent.harness import errand

_GAP = re.compile(r"^\[\.\.\. [\d,]+ lines, .*\.\.\.\]\n", re.MULTILINE)
_pieces = st.tuples(st.sampled_from(["é", "x", "\n", "ab\n"]), st.integers(1, 2_500)).map(
    lambda each: each[0] * each[1]
)


def dropped(*texts: str) -> int:
    digest = Digest()
    for text in texts:
        digest.feed(text)
    return digest.dropped_bytes


@given(st.lists(_pieces, max_size=25))
def test_what_is_shown_and_what_is_dropped_are_all_there_was(pieces: list[str]) -> None:
    digest = Digest()
    for piece in pieces:
        digest.feed(piece)

    shown = _GAP.sub("", digest.text(), count=1).replace(" [... line cut]", "")
    whole = "".join(pieces).encode()
    # Of the last line's end nothing is shown, nor dropped.
    assert len(whole) - len(shown.encode()) - digest.dropped_bytes in (0, 1)


def test_a_short_text_drops_nothing() -> None:
    assert dropped("one\n", "two") == 0


def test_the_rest_of_a_line_that_is_cut_is_dropped() -> None:
    assert dropped("é" * (LINE_CHARS + 10)) == 20
    assert dropped("x" * (LINE_CHARS + 10), "\n", "more\n") == 10


def test_what_a_progress_bar_wrote_over_is_not_dropped() -> None:
    assert dropped("x" * (LINE_CHARS + 10), "\rdone\n") == 0


async def test_the_loop_tells_how_much_is_missing(supervisor: Supervisor, tmp_path: Path) -> None:
    script = in_turn(
        Reply([ToolUse("bash", {"command": "seq 100000"}), ToolUse("bash", {"command": "echo short"})]),
        Reply([Text("Done.")]),
    )
    async with errand(script, supervisor, tmp_path) as task:
        await task.turn("Count")

    flood, short = [fact for fact in task.facts if isinstance(fact, ToolFinished)]
    printed = sum(len(f"{number}\n") for number in range(1, 100_001))
    assert printed - 31_000 < flood.dropped_bytes < printed - 25_000
    assert short.dropped_bytes == 0
