"""A TLS greeting is read for its one name, or refused."""

import ssl
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errand_runner.broker.egress import hello
from tests.unit.runner.broker.egress.greeting import extension, message, names, real, records, sized, sni

NAME = b"example.com"


@pytest.mark.parametrize("minimum", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_name_that_a_real_library_asks_for_is_found(minimum: ssl.TLSVersion) -> None:
    assert hello.server_name(real("Example.com", minimum=minimum)) == "example.com"


def test_a_greeting_that_comes_byte_by_byte_is_waited_for() -> None:
    whole = real("example.com")
    assert [hello.server_name(whole[:size]) for size in range(len(whole))] == [None] * len(whole)
    assert hello.server_name(whole + b"more") == "example.com"


def test_a_greeting_in_many_records_is_put_together() -> None:
    assert hello.server_name(records(message(sni(NAME)), size=3)) == "example.com"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"GET / HTTP/1.1\r\n", "not TLS"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not TLS"),
        (records(message(sni(NAME)), kind=23), "not TLS"),
        (records(message(sni(NAME)), version=0x0002), "not TLS"),
        (b"\x16\x03\x01\x00\x00", "not TLS"),
        (b"\x16\x03\x01\xff\xff", "not TLS"),
        (records(b"\x02" + message(sni(NAME))[1:]), "does not begin with a greeting"),
        (records(message(sni(NAME)) + b"\x14"), "follows the TLS greeting"),
        (records(message(sni(NAME), extension(21, bytes(40_000)))), "longer than 32 KiB"),
        (real(None), "names no host"),
        (records(message()), "names no host"),
        (records(message(sni(NAME), sni(b"other.example"))), "twice"),
        (records(message(extension(0, names((0, NAME), (0, b"other.example"))))), "more than it says"),
        (records(message(extension(0, names((1, NAME))))), "no host"),
        (records(message(extension(0, names((0, NAME)) + b"\0"))), "more than it says"),
        (records(message(extension(0, b"\0\xff\0\0\x0b" + NAME))), "cut off"),
        (records(message(sni("ex\u00e4mple.com".encode()))), "not ASCII"),
        (records(message(sni(NAME), session=bytes(33))), "too long"),
        (records(message(sni(NAME), ciphers=b"")), "offers nothing"),
        (records(message(sni(NAME), ciphers=b"\x13\x01\x13")), "offers nothing"),
        (records(message(sni(NAME), methods=b"")), "offers nothing"),
        (records(message(sni(NAME), after=sized(sni(b"other.example"), 2))), "more than it says"),
    ],
)
def test_any_other_beginning_is_refused(data: bytes, found: str) -> None:
    with pytest.raises(hello.Malformed, match=found):
        hello.server_name(data)


@given(st.binary(max_size=300), st.integers(0, 120), st.booleans())
def test_whatever_comes_is_judged(data: bytes, place: int, within: bool) -> None:
    whole = records(message(sni(NAME)))
    sent = whole[:place] + data + whole[place:] if within else data
    with suppress(hello.Malformed):
        hello.server_name(sent)
