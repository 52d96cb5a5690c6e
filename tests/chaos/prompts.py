"""Prompts of many commands, and the events by which one sees how far they are."""

from collections.abc import Callable

from tests.demo.phone import Json, is_final

STEPS = 5


def steps(seconds: float, count: int = STEPS) -> str:
    """So many commands, each of so many seconds, each of which leaves one line as it begins: one that is broken off and
    run again leaves two."""
    return "Steps: " + "; ".join(f"echo {number} >> trace && sleep {seconds}" for number in range(count))


def lines(count: int = STEPS) -> list[str]:
    """What they leave."""
    return [str(number) for number in range(count)]


def began(number: int) -> Callable[[Json], bool]:
    """The event with which the step began."""
    return ran(f"echo {number} ")


def ran(command: str) -> Callable[[Json], bool]:
    """The event with which a command began."""
    return lambda event: event["kind"] == "tool_call_started" and command in event["detail"]["summary"]


def final(event: Json) -> bool:
    """The event with which it was over."""
    return is_final({"type": "event", "event": event})


def kind(name: str) -> Callable[[Json], bool]:
    """The first event of a kind."""
    return lambda event: bool(event["kind"] == name)
