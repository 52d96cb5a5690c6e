"""Names of hosts on the internet: as settings list them, and as sandboxes ask for them."""

import re
from collections.abc import Collection

MOST_CHARACTERS = 253
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Never a number: resolvers take 127.1, 0x7f.1 and 2130706433 for addresses.
_LAST_LABEL = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]{2,59}")


def parse(text: str) -> str:
    """A host's name in its plain form, as it came. Raises ValueError, in words, for everything else.

    Lower-case, with two labels at least and no dot at its end; of other alphabets the form that DNS knows (xn--...).
    """
    shown = text[:80]
    if not text.isascii():
        raise ValueError(f'host "{shown}" is not ASCII{_in_ascii(text)}')
    labels = text.split(".")
    if text.endswith(".") or len(labels) < 2 or len(text) > MOST_CHARACTERS:
        raise ValueError(f'host "{shown}" is not a full name such as registry.example.com, without a dot at its end')
    if not all(map(_LABEL.fullmatch, labels)) or not _LAST_LABEL.fullmatch(labels[-1]):
        raise ValueError(f'host "{shown}" is not the name of a host such as registry.example.com')
    if not all(map(_is_plain, labels)):
        raise ValueError(f'host "{shown}" has a label that stands for no word of any alphabet (xn--)')
    return text


def parse_pattern(text: str) -> str:
    """A host's name, or `*.` and a name for all that lie below it. Raises ValueError, in words."""
    return f"*.{parse(text[2:])}" if text.startswith("*.") else parse(text)


def is_among(host: str, patterns: Collection[str]) -> bool:
    """Whether one of the patterns names the host."""
    if host in patterns:
        return True
    above = host
    while "." in above:
        above = above.partition(".")[2]
        if f"*.{above}" in patterns:
            return True
    return False


def _is_plain(label: str) -> bool:
    """Whether a label has one reading: no hyphens where they have a meaning, but for what really is encoded."""
    if not label.startswith("xn--"):
        return label[2:4] != "--"
    try:
        word = label[4:].encode().decode("punycode")
        return not word.isascii() and word.encode("punycode").decode() == label[4:]
    except (UnicodeError, ValueError, OverflowError):
        return False


def _in_ascii(text: str) -> str:
    try:
        return f"; write {text.encode('idna').decode()}"
    except UnicodeError:
        return ""
