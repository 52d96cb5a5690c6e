"""How a tool call ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from errand_common.values import TodoState
from errand_runner.agent.pictures import Picture
from errand_runner.sandbox.hits import Hit


@dataclass(frozen=True)
class Todo:
    """A point of what Claude has to do."""

    text: str
    state: TodoState


@dataclass(frozen=True)
class Outcome:
    """What Claude is told: never empty, clean, without secrets; so much more was too much to keep.

    `hits` are limits of the sandbox that it ran into; the text tells of them. `todo` is Claude's new list for the
    person, `picture` what Claude is shown beside the text. `is_interrupted`: it did not come to its end,
    and what stands behind it is not to be run.
    """

    text: str
    is_error: bool = False
    dropped_bytes: int = 0
    hits: Sequence[Hit] = ()
    todo: Sequence[Todo] | None = None
    picture: Picture | None = None
    is_interrupted: bool = False


class Refused(Exception):
    """The tool did nothing; the message tells Claude why and what to do instead."""
