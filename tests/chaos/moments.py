"""The moments of a task's life at which somebody may stop it, and in which of them a stop found it."""

from collections.abc import Callable, Sequence

from tests.chaos.prompts import final
from tests.demo.phone import Json

Seen = Callable[[Json], bool]

SILENT = "not heard of"


def phase(name: str) -> Seen:
    """Its attempt got there."""
    return lambda event: bool(event["kind"] == "attempt_phase_changed" and event["detail"]["phase"] == name)


def pull(event: Json) -> bool:
    """The image of its project is asked for."""
    return bool(event["kind"] == "step_started" and event["detail"]["step"] == "pull")


def silent(event: Json) -> bool:
    """Its runner is cut off."""
    return SILENT in str(event["detail"].get("status_reason"))


AT: dict[str, tuple[float, Seen | None]] = {
    "pending": (0.38, None),
    "offered": (0.20, phase("offered")),
    "accepted": (0.14, phase("accepted")),
    "starting": (0.04, phase("starting")),
    "pulling": (0.16, pull),
    "running": (0.04, phase("running")),
    "stopping": (0.02, phase("running")),
    "finished": (0.02, final),
}
"""The share of the stops that aim at each, and the event with which it begins; there is none before all others. Few aim
at what takes a container to get to: it is they that take the time."""


def found_in(events: Sequence[Json]) -> str:
    """Where the stop of a task found it, by the order in which the scheduler wrote both down."""
    at, before, pulling, cut = "pending", "pending", False, False
    for event in events:
        detail = event["detail"]
        if event["kind"] == "attempt_phase_changed":
            if detail["phase"] in ("stopping", "cancelled"):
                break
            # What is offered when it is stopped is withdrawn with it.
            at, before = ("pending", at) if detail["phase"] == "withdrawn" else (detail["phase"], detail["phase"])
        elif final(event):
            at = before if detail["status"] == "cancelled" else "finished"
            break
        elif event["kind"] in ("step_started", "step_finished") and detail["step"] == "pull":
            pulling = event["kind"] == "step_started"
        elif event["kind"] == "task_status_changed":
            cut = SILENT in detail["status_reason"]
    return "disconnected" if cut else "pulling" if pulling else at
