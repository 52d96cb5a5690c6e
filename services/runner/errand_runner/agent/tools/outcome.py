"""How a tool call ended."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What Claude is told: never empty, clean, without secrets; so much more was too much to keep."""

    text: str
    is_error: bool = False
    dropped_bytes: int = 0
