"""A Claude that works in steps: it runs the commands that it is given, one a turn, and reports what the person said.

A step `!read {"path": "file"}` is a call of that tool; `$bg` in it is the name of the command that it put into the
background last.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.standins.claude.replies import Reply, Text, ToolUse
from tests.standins.claude.request import Request, blocks

ORDER = "Steps: "
SEPARATOR = ";"


@dataclass(frozen=True)
class Progress:
    """How far it is: the commands that were ordered last, how many ran since, and what else was said since."""

    commands: Sequence[str]
    ran: int
    heard: Sequence[str]


def script(request: Request) -> Reply:
    """Runs the next command of `Steps: one; two; three`, and after the last tells what it heard meanwhile."""
    now = progress(request)
    if not now.commands:
        return Reply([Text(f"I only know steps: write “{ORDER}true; true”.")])
    if now.ran < len(now.commands):
        words = f"Step {now.ran + 1} of {len(now.commands)}."
        return Reply([Text(words), call(now.commands[now.ran], request)])
    if not now.heard:
        return Reply([Text(f"Done: {now.ran} steps. Nobody said anything meanwhile.")])
    said = "\n\n".join(now.heard)
    return Reply([Text(f"Done: {now.ran} steps. I was told meanwhile:\n\n{said}")])


def call(step: str, request: Request) -> ToolUse:
    """What a step does."""
    if not step.startswith("!"):
        return ToolUse("bash", {"command": step})
    name, _, given = step.removeprefix("!").partition(" ")
    names = [found for run in request.runs for found in re.findall(r"\[(bg_\w+) ", run.output)]
    return ToolUse(name, json.loads(given.replace("$bg", names[-1] if names else "none")))


def progress(request: Request) -> Progress:
    """Reads it off the conversation."""
    commands: list[str] = []
    ran, heard = 0, list[str]()
    for message in request.messages:
        for block in blocks(message):
            if block["type"] == "tool_result":
                ran += 1
            elif message["role"] == "user" and ORDER in block["text"]:
                order = str(block["text"]).rpartition(ORDER)[2]
                commands = [each.strip() for each in order.split(SEPARATOR) if each.strip()]
                ran, heard = 0, []
            elif message["role"] == "user" and commands:
                heard.append(str(block["text"]))
    return Progress(commands, ran, heard)
