"""Reading pkt-lines from a stranger."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errand_runner.broker.pktline import Malformed, encode, encode_section, read_section


def read(data: bytes, *, limit_bytes: int = 65_536) -> tuple[list[bytes], bytes, bytes]:
    """The lines, the bytes that they took, and what was left unread."""

    async def parse() -> tuple[list[bytes], bytes, bytes]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        lines, raw = await read_section(reader.readexactly, limit_bytes=limit_bytes)
        return lines, raw, await reader.read()

    return asyncio.run(parse())


@given(lines=st.lists(st.binary(min_size=1, max_size=200)), rest=st.binary())
def test_lines_come_out_as_they_went_in_and_nothing_after_them_is_touched(lines: list[bytes], rest: bytes) -> None:
    section = encode_section(lines)
    assert read(section + rest) == (lines, section, rest)


@given(data=st.binary(max_size=500))
def test_any_bytes_are_a_section_or_an_error(data: bytes) -> None:
    try:
        lines, raw, rest = read(data)
    except (Malformed, asyncio.IncompleteReadError):
        return
    assert raw + rest == data
    assert sum(len(line) + 4 for line in lines) + 4 == len(raw)


@pytest.mark.parametrize("data", [b"0001", b"0003", b"0004", b"fff1", b"+005a", b" 005", b"0x05", b"0_05", b"PACK"])
def test_a_length_that_git_never_sends_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        read(data + b"x" * 100)


def test_an_endless_section_is_cut_at_the_limit() -> None:
    with pytest.raises(Malformed, match="more than 1000 bytes"):
        read(encode(b"x" * 300) * 4 + b"0000", limit_bytes=1000)


def test_a_line_too_long_for_its_length_is_a_bug() -> None:
    with pytest.raises(ValueError, match="too many"):
        encode(b"x" * 65_517)
