"""A Claude that does what it is told: runs the command in the person's last words, and says what came of it."""

from tests.standins.claude.replies import Reply, Text, ToolUse
from tests.standins.claude.request import Request

ORDER = "Run: "
OUTPUT_CHARACTERS = 2000


def script(request: Request) -> Reply:
    """Runs what stands behind `Run: `, once, and then reports."""
    command = request.said.rpartition(ORDER)[2].strip()
    if not request.runs:
        return Reply([Text("I'll run it."), ToolUse("bash", {"command": command})])
    return Reply([Text(f"It answered:\n\n{request.runs[-1].output[-OUTPUT_CHARACTERS:]}")])
