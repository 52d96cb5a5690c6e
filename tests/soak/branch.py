"""Whether a branch is what its transcript says was done on it."""

import json
import re
from typing import Any

from tests.demo.phone import Json

_KEPT = re.compile(r"^kept (m\d+)$", re.MULTILINE)
"""A command's own words; a person's, who answers a question with further orders, are no line of their own."""
_MARK = re.compile(r"echo (m\d+) >> trace")
_UNHEARD = "may hold more than is told"


def breaches(task: Json, events: list[Json], messages: list[Json], trace: list[str]) -> list[str]:
    """What the transcript says was done is there once and in order, and of what was interrupted no more than that.

    Where an attempt ended without its runner, that went on until it heard of it, and told nobody: of what the person
    ordered more may be there, once.
    """
    told: list[str] = []
    kept: list[str] = []
    for message in messages:
        for block in json.loads(message["content"]):
            if block["type"] == "tool_use":
                told += _MARK.findall(str(block["input"].get("command", "")))
            elif block["type"] == "tool_result":
                kept += _KEPT.findall(_text(block.get("content")))
    missing = [mark for mark in kept if mark not in trace] if task["status"] == "completed" else []
    found = [f"{mark} was done, and is not on the branch" for mark in missing]
    done = [mark for mark in told if mark in trace]
    more = _beyond(done, trace)
    if more is None or not set(more) <= _perhaps_done(task, events) or len(set(more)) < len(more):
        found.append(f"the branch has {trace}, which is not what the transcript did: {told}")
    return found


def _beyond(done: list[str], trace: list[str]) -> list[str] | None:
    """What is there beside `done`, which stands in this order in it; none where it does not."""
    left, more = list(done), []
    for mark in trace:
        if left and mark == left[0]:
            del left[0]
        else:
            more.append(mark)
    return None if left else more


def _perhaps_done(task: Json, events: list[Json]) -> set[str]:
    """What was ordered before the last attempt that ended unheard; nothing where none did."""
    ordered = set(_MARK.findall(task["prompt"]))
    perhaps: set[str] = set()
    for event in events:
        if event["kind"] == "input_added":
            ordered.update(_MARK.findall(event["detail"]["summary"]))
        elif event["kind"] == "attempt_phase_changed" and _UNHEARD in event["detail"]["reason"]:
            perhaps = set(ordered)
    return perhaps


def _text(content: Any) -> str:
    """Of a tool's result, which is a text or a list of blocks."""
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content or ())
