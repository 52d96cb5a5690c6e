"""An attempt: what is run in a sandbox, and the container without that wall in which the same succeeds."""

import json
import shlex
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_INSIDE = (Path(__file__).with_name("inside.py")).read_text()

_SHELL = """
through() { echo "GOT""-THROUGH $TOKEN $*" | tee -a /workspace/through; }
"""


@dataclass(frozen=True)
class Payload:
    """A program that calls `through` where it succeeds."""

    language: str
    text: str

    def command(self, token: str, given: Mapping[str, object]) -> str:
        """What bash is to run."""
        if self.language == "shell":
            return f"TOKEN={token}\n{_SHELL}\n{self.text}"
        told = shlex.quote(json.dumps({**given, "token": token}))
        body = textwrap.indent(self.text, "    ")
        program = f"{_INSIDE}\ntry:\n{body}\n    ended()\nexcept OSError as error:\n    refused(error)\n"
        # The last command is not the payload: bash would become the last one, and be missing above it.
        return f"ESCAPE={told} python3 -I - <<'PAYLOAD'\n{program}\nPAYLOAD\n:"


def python(text: str) -> Payload:
    """Begins with all of `inside`; an OSError that it does not catch is a refusal."""
    return Payload("python", textwrap.dedent(text).strip())


def shell(text: str) -> Payload:
    """Begins with `through` alone."""
    return Payload("shell", textwrap.dedent(text).strip())


@dataclass(frozen=True)
class Control:
    """A container in which the attempt must succeed: the flags of `docker run` beside the image, and in words.

    A shell does `before` there first, and `then` in place of the attempt's own `then`. `needs` are settings of the
    host's kernel without which this cannot work there: where there is such a file, it must say this.
    """

    words: str
    flags: tuple[str, ...] = ()
    bound_s: float = 20
    needs: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    then: str = ""


@dataclass(frozen=True)
class Attempt:
    """One way out, tried through the bash tool.

    `then` is a further call of a tool, by name and input; `restart` is what a runner that takes the container over
    starts in it; `victim` is a command of the neighbour that must say "well" while the payload holds on after it said
    "holding".

    It got through where it said so, or said `shows`; up to `lingers_s` after the call it may say so in a file. It must
    be over within `bound_s`: one that holds its runner up got through as well. `spoils`: the sandbox is of no use
    afterwards, by the attempt's own will, and is replaced. `slow` ones are left to `make escape`.
    """

    name: str
    tries: str
    payload: Payload
    control: Control
    timeout_s: int = 20
    bound_s: float = 40
    then: tuple[str, Mapping[str, object]] | None = field(default=None)
    restart: tuple[str, ...] = ()
    shows: str = ""
    victim: str = ""
    lingers_s: float = 0
    spoils: bool = False
    slow: bool = False
