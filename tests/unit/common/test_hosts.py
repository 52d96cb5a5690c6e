"""A host's name has one form, and patterns match whole labels."""

import pytest

from errand_common import hosts


@pytest.mark.parametrize(
    "name",
    ["example.com", "a.bc", "a-b.example.com", "xn--bcher-kva.example", "1.example.com", "x.xn--p1ai"],
)
def test_a_plain_name_is_taken_as_it_is(name: str) -> None:
    assert hosts.parse(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "localhost", "example.com.", ".example.com", "a..example.com", "Example.com", "exa mple.com"),
        *("-a.example.com", "a-.example.com", "a_b.example.com", "example.com:443", "https://example.com", "*.com"),
        *("127.0.0.1", "127.1", "0x7f.1", "1.2.3.0x7f", "2130706433", "[::1]", "::1", "1.2.3.4.5", "example.1"),
        *("a\n.example.com", "a.example.com\n", "a%00.example.com", "user@example.com", f"{'a' * 64}.example.com"),
        ".".join(["a" * 60] * 5),
        # In no alphabet, of ASCII alone, not as it would be written, and hyphens where they would have a meaning.
        *(
            "xn--.example.com",
            "xn--a-.example.com",
            "xn--abc-.example.com",
            "ab--cd.example.com",
            "xn--999999b.example",
        ),
    ],
)
def test_what_has_another_reading_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="host "):
        hosts.parse(name)


def test_another_alphabet_is_refused_with_the_form_to_write() -> None:
    with pytest.raises(ValueError, match=r"xn--bcher-kva\.example"):
        hosts.parse("bücher.example")
    with pytest.raises(ValueError, match="not ASCII"):
        hosts.parse("ex\N{CYRILLIC SMALL LETTER A}mple.com")


def test_a_pattern_names_what_lies_below_it_and_not_itself() -> None:
    patterns = {"example.com", hosts.parse_pattern("*.example.org")}
    assert hosts.is_among("example.com", patterns)
    assert hosts.is_among("a.example.org", patterns)
    assert hosts.is_among("a.b.example.org", patterns)
    for other in ("a.example.com", "example.org", "badexample.org", "example.com.evil.net", "org", "example.comx"):
        assert not hosts.is_among(other, patterns), other


@pytest.mark.parametrize(
    "pattern", ["*", "*.", "*.com", "*.*.example.com", "a.*.example.com", "**.example.com", "*example.com"]
)
def test_a_star_stands_alone_before_a_full_name(pattern: str) -> None:
    with pytest.raises(ValueError, match="host "):
        hosts.parse_pattern(pattern)
