"""What a project's secret may be called and hold: an environment variable that can be kept out of text."""

import re

from errand_common.errors import Invalid
from errand_common.values import SHORTEST_SECRET

MOST_SECRETS = 50
VALUE_BYTES = 16 * 1024
TOTAL_BYTES = 64 * 1024
"""Of one project (ARCHITECTURE.md, Bounds)."""

_NAME_CHARACTERS = 128
_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")

# Tab and line feed are text; every other control character is taken out of what a command prints, before a value in it
# could be recognised.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

# Each would change a program that works for all commands, and not be a mere value to them.
_TAKEN = (
    ("git", re.compile(r"GIT_.*|SSH_ASKPASS|SSH_AUTH_SOCK")),
    ("the loader", re.compile(r"LD_.*|GLIBC_TUNABLES|GCONV_PATH|LOCPATH|NLSPATH|MALLOC_.*|HOSTALIASES")),
    ("the way to the network", re.compile(r".*_PROXY|SSL_CERT_(FILE|DIR)|.*_CA_(BUNDLE|CERTS)|CURL_HOME")),
    ("the shell", re.compile(r"_|BASH.*|ENV|IFS|PATH|CDPATH|SHELL|SHELLOPTS|PWD|OLDPWD|PROMPT_COMMAND|PS\d|TMPDIR")),
    ("Python", re.compile(r"PYTHON[A-Z]+")),
    ("every command", re.compile(r"HOME|USER|LOGNAME|LANG|LANGUAGE|LC_.*|TERM|TZ|PAGER|EDITOR|VISUAL|NODE_OPTIONS")),
    ("Errand", re.compile(r"ERRAND_.*")),
)


def check_name(name: str) -> str:
    """The name as given. Raises Invalid."""
    if len(name) > _NAME_CHARACTERS or not _NAME.fullmatch(name):
        raise Invalid(
            f'the name "{name[:64]}" does not do: a secret is called as an environment variable, at most '
            f"{_NAME_CHARACTERS} of A to Z, 0 to 9 and _, and no digit first"
        )
    for whose, names in _TAKEN:
        if names.fullmatch(name):
            raise Invalid(f"the name {name} belongs to {whose}, and would change more than it tells; take another")
    return name


def check_value(value: str) -> str:
    """The value as given. Raises Invalid, which repeats nothing of it."""
    size, characters = len(value.encode()), len(value.strip())
    if size > VALUE_BYTES:
        raise Invalid(f"the value has {size} bytes; the most is {VALUE_BYTES}")
    if characters < SHORTEST_SECRET:
        raise Invalid(
            f"the value has {characters} characters; with fewer than {SHORTEST_SECRET} it occurs in ordinary text, and "
            "masking it would garble that; what is no secret can stand in the setup script or in the image"
        )
    if found := _CONTROL.search(value):
        raise Invalid(
            f"the value holds the control character {ord(found.group()):#04x}, which is not shown of what a command "
            'prints, so that the value would not be recognised there; end lines with "\\n" alone, or encode it'
        )
    return value


def check_room(count_of_others: int, size_of_others: int, value: str) -> None:
    """Whether a project that has others may have this one. Raises Invalid."""
    if count_of_others >= MOST_SECRETS:
        raise Invalid(f"the project has {count_of_others} secrets, which is the most; remove one first")
    if size_of_others + len(value.encode()) > TOTAL_BYTES:
        raise Invalid(
            f"the project's secrets would have {size_of_others + len(value.encode())} bytes together; the most is "
            f"{TOTAL_BYTES}; remove one first"
        )
