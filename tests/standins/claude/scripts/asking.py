"""A Claude that asks the person one thing, and says what it was told, however long that took."""

from tests.standins.claude.replies import Reply, Text, ToolUse
from tests.standins.claude.request import Request, blocks

ORDER = "Ask: "
CHOICES = ("tabs", "spaces")


def script(request: Request) -> Reply:
    """Asks what stands behind `Ask: `, once, and then repeats the answer."""
    said = [block for message in request.messages for block in blocks(message)]
    answers = [block["content"] for block in said if block["type"] == "tool_result"]
    if answers:
        return Reply([Text(f"You want {answers[-1]}.")])
    question = request.said.rpartition(ORDER)[2].strip()
    return Reply([Text("One thing first."), ToolUse("ask_user", {"question": question, "choices": list(CHOICES)})])
