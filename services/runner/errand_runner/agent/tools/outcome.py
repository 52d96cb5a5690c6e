"""How a tool call ended."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What Claude is told: never empty, clean, without secrets."""

    text: str
    is_error: bool = False
