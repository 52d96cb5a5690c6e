"""Headers that a model's service wants beside Claude's own: as the SDK writes them, `Name: value`, a line each."""

import re

# RFC 9110, 5.1 and 5.5: a token, and visible characters with spaces and tabs between them.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[!-~]([ \t!-~]*[!-~])?")


def parse(text: str) -> dict[str, str]:
    """The headers by name. Raises ValueError, which does not repeat a value: most are keys."""
    found: dict[str, str] = {}
    for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), start=1):
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not (colon and _NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise ValueError(f"line {number} is no header; write a name, a colon and a value")
        found[name] = value
    return found
