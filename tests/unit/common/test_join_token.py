"""The line that is pasted on a new host."""

import pytest

from errand.v1.enrolment_service_pb2 import JoinTokenContent
from errand_common import join_token

CONTENT = JoinTokenContent(scheduler="errand.test:7443", ca=bytes(range(256)), secret="ejt_secret")


def test_what_was_written_is_read_also_where_a_terminal_broke_it() -> None:
    line = join_token.write(CONTENT)
    assert join_token.read(line) == CONTENT
    assert join_token.read(f"  {line[:80]}\n{line[80:]} ") == CONTENT


@pytest.mark.parametrize("cut", [1, 5, 50, 300])
def test_a_line_that_was_cut_off_is_told(cut: int) -> None:
    with pytest.raises(ValueError, match="not whole; copy all of its line"):
        join_token.read(join_token.write(CONTENT)[:-cut])


def test_one_letter_wrong_is_told() -> None:
    line = join_token.write(CONTENT)
    other = "A" if line[100] != "A" else "B"
    with pytest.raises(ValueError, match="not whole"):
        join_token.read(line[:100] + other + line[101:])


@pytest.mark.parametrize("line", ["", "ejt_secret", "errand", "https://errand.test/join"])
def test_something_else_is_told(line: str) -> None:
    with pytest.raises(ValueError, match="no join token"):
        join_token.read(line)


def test_one_that_lacks_something_is_not_whole() -> None:
    with pytest.raises(ValueError, match="not whole"):
        join_token.read(join_token.write(JoinTokenContent(scheduler="errand.test:7443")))
