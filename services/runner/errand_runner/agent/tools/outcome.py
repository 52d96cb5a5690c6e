"""How a tool call ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from errand_runner.sandbox.hits import Hit


@dataclass(frozen=True)
class Outcome:
    """What Claude is told: never empty, clean, without secrets; so much more was too much to keep.

    `hits` are limits of the sandbox that it ran into; the text tells of them.
    """

    text: str
    is_error: bool = False
    dropped_bytes: int = 0
    hits: Sequence[Hit] = ()


class Refused(Exception):
    """The tool did nothing; the message tells Claude why and what to do instead."""
