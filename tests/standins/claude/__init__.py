"""A Claude of our own: the Messages API on the wire, answered by a script that sees only the wire."""

from tests.standins.claude.replies import Cut, Failure, Raw, Reply, Summary, Text, Thinking, ToolUse
from tests.standins.claude.request import Request, ToolRun
from tests.standins.claude.script import Script, in_turn
from tests.standins.claude.server import ClaudeStandin

__all__ = [
    "ClaudeStandin",
    "Cut",
    "Failure",
    "Raw",
    "Reply",
    "Request",
    "Script",
    "Summary",
    "Text",
    "Thinking",
    "ToolRun",
    "ToolUse",
    "in_turn",
]
