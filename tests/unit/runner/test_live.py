"""What a command prints, as lines for people."""

import pytest

from errand_runner.agent.redact import MASK, Redactor
from errand_runner.live import LiveLines, followed, redacted
from errand_runner.sandbox.supervisor import Supervisor


class Said:
    """Lines, by a clock that the test moves."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.at_s = 0.0
        self.live = LiveLines(self.lines.append, now_s=lambda: self.at_s)


@pytest.fixture
def said() -> Said:
    return Said()


def test_lines_are_said_whole(said: Said) -> None:
    for piece in (b"Cloning", b" into 'r\xc3", b"\xa9po'...\nremote: ", b"\x1b[Kdone\r\nlast"):
        said.live.feed(piece)
    assert said.lines == ["Cloning into 'répo'...\n", "remote: done\n"]
    said.live.close()
    assert said.lines[-1] == "last\n"


def test_a_line_that_is_overwritten_is_said_once_a_second(said: Said) -> None:
    for percent in range(100):
        said.at_s = percent / 10
        said.live.feed(b"Receiving objects: %d%%\r" % percent)
    said.live.feed(b"Receiving objects: 100%, done.\n")
    assert said.lines[:2] == ["Receiving objects: 0%\n", "Receiving objects: 10%\n"]
    assert len(said.lines) == 11
    assert said.lines[-1] == "Receiving objects: 100%, done.\n"


def test_a_flood_and_a_line_without_an_end_are_bounded(said: Said) -> None:
    for _ in range(10_000):
        said.live.feed(b"x" * 100 + b"\n")
    assert sum(map(len, said.lines)) <= 256_000
    other = Said()
    other.live.feed(b"y" * 10_000_000)
    other.live.close()
    assert other.lines == ["y" * 2_000 + "\n"]


def test_a_secret_is_not_said_even_where_it_goes_over_the_end_of_a_line(said: Said) -> None:
    with redacted(said.lines.append, Redactor(["first-line\nsecond-line"])) as say:
        say("remote: first-line\n")
        say("second-line is refused\n")
        say("remote: first-line\n")
    assert "".join(said.lines) == f"remote: {MASK} is refused\nremote: first-line\n"


async def test_the_end_of_both_streams_is_kept_and_the_errors_are_said(supervisor: Supervisor, said: Said) -> None:
    script = "echo out; seq 1000; echo first >&2; echo second >&2; exit 4"
    finished = await followed(supervisor.run(["sh", "-c", script], cwd="/", timeout_s=20), said.live, limit_bytes=10)
    assert finished.exit.code == 4
    assert finished.stdout.endswith(b"99\n1000\n")
    assert finished.truncated
    assert said.lines == ["first\n", "second\n"]
